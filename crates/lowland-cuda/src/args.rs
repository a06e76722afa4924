//! The arguments of kernels: structs that are laid out as those of the same name in the sources.
//!
//! Unsafe, because a kernel reads them as bytes: each struct promises that it is what the kernel
//! expects, and tests compare their sizes with what the compilers say.
#![allow(unsafe_code)]

/// The argument of a kernel.
///
/// # Safety
/// `repr(C)`, with the fields of the kernel's struct in the same order and of the same sizes, and no
/// padding but at its end.
pub(crate) unsafe trait Args: Copy + Send + Sync + 'static {}

/// The argument of one launch, as a driver sees it.
#[derive(Clone, Copy, Debug)]
pub struct RawArgs<'a> {
    pointer: *const u8,
    bytes: usize,
    of: std::marker::PhantomData<&'a ()>,
}

impl<'a> RawArgs<'a> {
    pub(crate) fn new<A: Args>(args: &'a A) -> Self {
        let pointer = std::ptr::from_ref(args).cast();
        RawArgs { pointer, bytes: size_of::<A>(), of: std::marker::PhantomData }
    }

    /// An argument of 8-byte fields alone: addresses, and numbers in pairs. For launching kernels that
    /// are not of this crate.
    #[must_use]
    pub fn of_words(words: &'a [u64]) -> Self {
        let pointer = words.as_ptr().cast();
        RawArgs { pointer, bytes: size_of_val(words), of: std::marker::PhantomData }
    }

    /// Where it is; good for reads of [`RawArgs::bytes`] bytes, some of which may be padding.
    #[must_use]
    pub fn pointer(&self) -> *const u8 {
        self.pointer
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Declares structs of arguments with addresses and numbers.
macro_rules! args {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$of:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(crate) struct $name {
            $($(#[$of])* pub(crate) $field: $type),*
        }

        // SAFETY: `repr(C)`; that it mirrors the struct of the kernel is the promise of whoever
        // writes it, and is compared by size when the kernel is loaded.
        #[allow(unsafe_code)]
        unsafe impl $crate::args::Args for $name {}
    )*};
}
pub(crate) use args;
