//! cuDNN's descriptions of tensors, filters and convolutions, destroyed when they are dropped.
//!
//! Unsafe, because they are handles of the library.
#![allow(unsafe_code)]

use cudarc::cudnn::result::{self, CudnnError};
use cudarc::cudnn::sys;

/// Declares an owner of a descriptor with the calls that make and destroy one.
macro_rules! descriptor {
    ($(#[$meta:meta])* $name:ident, $handle:ty, $create:path, $destroy:path) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(super) struct $name($handle);

        impl $name {
            /// One that describes nothing yet.
            fn new() -> Result<Self, CudnnError> {
                Ok($name($create()?))
            }

            pub(super) fn get(&self) -> $handle {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it was created and is destroyed once. A failure leaks it.
                let _ = unsafe { $destroy(self.0) };
            }
        }
    };
}

descriptor! {
    /// A tensor `[N, H, W, C]` of f32, dense.
    Tensor, sys::cudnnTensorDescriptor_t,
    result::create_tensor_descriptor, result::destroy_tensor_descriptor
}

descriptor! {
    /// A filter `[O, kh, kw, I]` of f32, dense.
    Filter, sys::cudnnFilterDescriptor_t,
    result::create_filter_descriptor, result::destroy_filter_descriptor
}

descriptor! {
    /// Strides, padding, groups, and how exactly to compute.
    Convolution, sys::cudnnConvolutionDescriptor_t,
    result::create_convolution_descriptor, result::destroy_convolution_descriptor
}

const F32: sys::cudnnDataType_t = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
const CHANNELS_LAST: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

impl Tensor {
    /// From N, C, H, W: the library names extents in that order, whatever the layout.
    pub(super) fn of(nchw: [i32; 4]) -> Result<Self, CudnnError> {
        let tensor = Tensor::new()?;
        // SAFETY: the descriptor was created.
        unsafe { result::set_tensor4d_descriptor(tensor.0, CHANNELS_LAST, F32, nchw)? };
        Ok(tensor)
    }
}

impl Filter {
    /// From O, I of a group, kh, kw.
    pub(super) fn of(oihw: [i32; 4]) -> Result<Self, CudnnError> {
        let filter = Filter::new()?;
        // SAFETY: the descriptor was created.
        unsafe { result::set_filter4d_descriptor(filter.0, F32, CHANNELS_LAST, oihw)? };
        Ok(filter)
    }
}

impl Convolution {
    /// A cross-correlation, as networks use it, with f32 products and sums; see
    /// [`Convolution::set_math`].
    pub(super) fn of(padding: [i32; 2], stride: [i32; 2], groups: i32) -> Result<Self, CudnnError> {
        let convolution = Convolution::new()?;
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let ([ph, pw], [sh, sw]) = (padding, stride);
        // SAFETY: the descriptor was created.
        unsafe {
            result::set_convolution2d_descriptor(convolution.0, ph, pw, sh, sw, 1, 1, mode, F32)?;
            result::set_convolution_group_count(convolution.0, groups)?;
        }
        Ok(convolution)
    }

    /// How exactly factors are taken.
    pub(super) fn set_math(&self, math: sys::cudnnMathType_t) -> Result<(), CudnnError> {
        // SAFETY: the descriptor was created.
        unsafe { result::set_convolution_math_type(self.0, math) }
    }
}
