//! Matrix products by cuBLAS.
//!
//! Unsafe, because the library is called through a handle and with addresses of the device.
#![allow(unsafe_code)]

use cudarc::cublas::result::{self, CublasError};
use cudarc::cublas::sys;
use cudarc::driver::CudaStream;

use super::Fault;
use super::library::Library;
use crate::driver::Multiply;

/// The version that is needed at least.
const VERSION: (i32, i32) = (13, 0);

/// cuBLAS on one stream.
#[derive(Debug)]
pub(super) struct Cublas(sys::cublasHandle_t);

// SAFETY: a handle may be used from any thread, by one at a time; the device keeps it behind a mutex.
unsafe impl Send for Cublas {}

impl Cublas {
    /// # Errors
    /// That it is missing or too old, or what it says.
    pub(super) fn open(stream: &CudaStream, tf32: bool) -> Result<Self, Fault> {
        if !Library::Cublas.is_present() {
            return Err(Fault::Missing(Library::Cublas));
        }
        let says = |error: CublasError| format!("cuBLAS cannot be set up: {error}");
        Library::Cublas.check_version(version().map_err(says)?, VERSION)?;
        let cublas = Cublas(result::create_handle().map_err(says)?);
        // Without TF32, products and sums of f32 are f32: the library's default.
        let mode = match tf32 {
            true => sys::cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH,
            false => sys::cublasMath_t::CUBLAS_DEFAULT_MATH,
        };
        // SAFETY: the handle was created, and the stream outlives it in the device.
        unsafe {
            result::set_stream(cublas.0, stream.cu_stream().cast()).map_err(says)?;
            sys::cublasSetMathMode(cublas.0, mode).result().map_err(says)?;
        }
        Ok(cublas)
    }

    /// Multiplies. No size is 0.
    ///
    /// # Errors
    /// Sizes beyond the library's integers, or what it says.
    pub(super) fn multiply(&mut self, product: &Multiply) -> Result<(), Fault> {
        let Gemm { transpose, sizes, leading } = Gemm::of(product)?;
        let [m, n, k] = sizes;
        let [op_left, op_right] = transpose.map(|transpose| match transpose {
            true => sys::cublasOperation_t::CUBLAS_OP_T,
            false => sys::cublasOperation_t::CUBLAS_OP_N,
        });
        let (left, right) = (product.b.0 as *const f32, product.a.0 as *const f32);
        let y = product.y.0 as *mut f32;
        // SAFETY: the caller vouches that the factors and the product are as long as their sizes say;
        // the scalars are read before the call returns, as they are on the host.
        unsafe {
            result::sgemm(
                self.0, op_left, op_right, m, n, k, &1.0, left, leading[0], right, leading[1],
                &0.0, y, leading[2],
            )
        }
        .map_err(|error| {
            let Multiply { m, k, n, .. } = product;
            Fault::Failed(format!("cuBLAS cannot multiply {m} x {k} by {k} x {n}: {error}"))
        })
    }
}

/// The version of the library, which is there.
fn version() -> Result<(i32, i32), CublasError> {
    use sys::libraryPropertyType as Property;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both pointers are good for writes.
    unsafe {
        sys::cublasGetProperty(Property::MAJOR_VERSION, &mut major).result()?;
        sys::cublasGetProperty(Property::MINOR_VERSION, &mut minor).result()?;
    }
    Ok((major, minor))
}

impl Drop for Cublas {
    fn drop(&mut self) {
        // SAFETY: it was created and is destroyed once. A failure at the end harms nobody.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

/// What a product is for a library whose matrices are column-major. There a row-major matrix is its
/// transpose, so that yᵀ = bᵀ aᵀ is asked for: the left factor is b, the right one a.
#[derive(Debug, PartialEq, Eq)]
struct Gemm {
    /// Whether the left and the right factor are transposed once more.
    transpose: [bool; 2],
    /// Rows and columns of the product, terms of a sum.
    sizes: [i32; 3],
    /// From one column to the next, in memory, of left, right and product.
    leading: [i32; 3],
}

impl Gemm {
    fn of(product: &Multiply) -> Result<Gemm, String> {
        let int = |size: usize| {
            i32::try_from(size).map_err(|_| {
                format!("a matrix has {size} rows or columns, cuBLAS counts to {}", i32::MAX)
            })
        };
        let (m, n, k) = (int(product.m)?, int(product.n)?, int(product.k)?);
        let leading_b = if product.transpose_b { k } else { n };
        let leading_a = if product.transpose_a { m } else { k };
        Ok(Gemm {
            transpose: [product.transpose_b, product.transpose_a],
            sizes: [n, m, k],
            leading: [leading_b, leading_a, n],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Address;

    /// What the library would compute, by the definition of its function.
    fn gemm(gemm: &Gemm, left: &[f32], right: &[f32]) -> Vec<f32> {
        let [m, n, k] = gemm.sizes.map(|size| size as usize);
        let [lead_left, lead_right, lead] = gemm.leading.map(|leading| leading as usize);
        let at = |matrix: &[f32], leading: usize, transpose: bool, row: usize, column: usize| {
            let (row, column) = if transpose { (column, row) } else { (row, column) };
            assert!(row < leading, "a column is shorter than its leading dimension");
            matrix[column * leading + row]
        };
        let mut y = vec![f32::NAN; lead * n];
        for column in 0..n {
            for row in 0..m {
                let terms = (0..k).map(|term| {
                    at(left, lead_left, gemm.transpose[0], row, term)
                        * at(right, lead_right, gemm.transpose[1], term, column)
                });
                y[column * lead + row] = terms.sum();
            }
        }
        y
    }

    #[test]
    fn row_major_products_are_asked_for_in_column_major_terms() {
        let (m, n, k) = (2, 3, 4);
        let a = |row: usize, term: usize| (row * 5 + term * 3) as f32 - 4.0;
        let b = |term: usize, column: usize| (term * 2 + column * 7) as f32 - 5.0;
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let a_memory: Vec<f32> = match transpose_a {
                false => (0..m * k).map(|i| a(i / k, i % k)).collect(),
                true => (0..m * k).map(|i| a(i % m, i / m)).collect(),
            };
            let b_memory: Vec<f32> = match transpose_b {
                false => (0..k * n).map(|i| b(i / n, i % n)).collect(),
                true => (0..k * n).map(|i| b(i % k, i / k)).collect(),
            };
            let [a_, b_, y] = [Address(1), Address(2), Address(3)];
            let product = Multiply { m, n, k, a: a_, transpose_a, b: b_, transpose_b, y };
            let found = gemm(&Gemm::of(&product).unwrap(), &b_memory, &a_memory);
            let wanted: Vec<f32> = (0..m * n)
                .map(|i| (0..k).map(|term| a(i / n, term) * b(term, i % n)).sum())
                .collect();
            assert_eq!(found, wanted, "{transpose_a} {transpose_b}");
        }
    }

    #[test]
    fn sizes_beyond_the_librarys_integers_are_refused() {
        let none = Address::default();
        let product = Multiply {
            m: 1 << 31,
            n: 1,
            k: 1,
            a: none,
            transpose_a: false,
            b: none,
            transpose_b: false,
            y: none,
        };
        let error = Gemm::of(&product).unwrap_err();
        assert_eq!(error, "a matrix has 2147483648 rows or columns, cuBLAS counts to 2147483647");
    }
}
