//! Element types, and typed slices of host memory.

use std::fmt;

use crate::{Error, Result};

/// The type of the elements of a [`Buffer`](crate::Buffer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// 32-bit floating point: what networks are trained in.
    F32,
    /// 64-bit floating point: what derivatives are checked in.
    F64,
    /// 32-bit unsigned integers: class labels.
    U32,
}

impl DType {
    /// The name, as in Rust.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U32 => "u32",
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::F32 | DType::U32 => 4,
            DType::F64 => 8,
        }
    }

    /// Whether this is a floating-point type.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A borrowed slice of host memory whose element type is known at run time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum HostRef<'a> {
    /// Elements of [`DType::F32`].
    F32(&'a [f32]),
    /// Elements of [`DType::F64`].
    F64(&'a [f64]),
    /// Elements of [`DType::U32`].
    U32(&'a [u32]),
}

/// A mutable slice of host memory whose element type is known at run time.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostMut<'a> {
    /// Elements of [`DType::F32`].
    F32(&'a mut [f32]),
    /// Elements of [`DType::F64`].
    F64(&'a mut [f64]),
    /// Elements of [`DType::U32`].
    U32(&'a mut [u32]),
}

macro_rules! host_slice {
    ($name:ident) => {
        impl $name<'_> {
            /// The number of elements.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $name::F32(s) => s.len(),
                    $name::F64(s) => s.len(),
                    $name::U32(s) => s.len(),
                }
            }

            /// Whether the slice has no elements.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The type of the elements.
            #[must_use]
            pub fn dtype(&self) -> DType {
                match self {
                    $name::F32(_) => DType::F32,
                    $name::F64(_) => DType::F64,
                    $name::U32(_) => DType::U32,
                }
            }
        }
    };
}
host_slice!(HostRef);
host_slice!(HostMut);

/// A Rust type that can be the element of a [`Buffer`](crate::Buffer).
pub trait Element: Copy + Default + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The run-time name of the type.
    const DTYPE: DType;

    /// Wraps a slice of this type.
    fn host(slice: &[Self]) -> HostRef<'_>;

    /// Wraps a mutable slice of this type.
    fn host_mut(slice: &mut [Self]) -> HostMut<'_>;

    /// The slice inside, if it holds this type.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the slice holds another type.
    fn from_host(host: HostRef<'_>) -> Result<&[Self]>;
}

macro_rules! element {
    ($t:ty, $variant:ident) => {
        impl Element for $t {
            const DTYPE: DType = DType::$variant;

            fn host(slice: &[Self]) -> HostRef<'_> {
                HostRef::$variant(slice)
            }

            fn host_mut(slice: &mut [Self]) -> HostMut<'_> {
                HostMut::$variant(slice)
            }

            fn from_host(host: HostRef<'_>) -> Result<&[Self]> {
                match host {
                    HostRef::$variant(slice) => Ok(slice),
                    other => Err(Error::invalid(
                        "host slice",
                        format!("holds {}, but {} was asked for", other.dtype(), Self::DTYPE),
                    )),
                }
            }
        }
    };
}
element!(f32, F32);
element!(f64, F64);
element!(u32, U32);
