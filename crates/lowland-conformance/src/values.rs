//! Vectors of elements whose type is known at run time.

use lowland_core::{DType, Element, Error, HostMut, HostRef, Result};

use crate::oracle::OracleValue;

/// Elements of one of the types that buffers have.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
}

/// Calls `$body` with `$v` bound to the vector inside.
macro_rules! with {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            Values::F32($v) => $body,
            Values::F64($v) => $body,
            Values::U32($v) => $body,
        }
    };
}

fn reserved<T: Element>(len: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).ok()?;
    values.resize(len, T::default());
    Some(values)
}

impl Values {
    /// Zeros; `None` where memory for them cannot be had.
    pub(crate) fn zeros(dtype: DType, len: usize) -> Option<Self> {
        match dtype {
            DType::F32 => reserved(len).map(Values::F32),
            DType::F64 => reserved(len).map(Values::F64),
            DType::U32 => reserved(len).map(Values::U32),
            _ => None,
        }
    }

    /// Floats, rounded to a type.
    ///
    /// # Panics
    /// Where the type is none of floats.
    pub(crate) fn floats(dtype: DType, values: &[f64]) -> Self {
        match dtype {
            DType::F32 => Values::F32(values.iter().map(|&x| x as f32).collect()),
            DType::F64 => Values::F64(values.to_vec()),
            other => panic!("{other} is not a type of floats"),
        }
    }

    /// An operand of the oracle, rounded to a type of floats.
    pub(crate) fn of(value: &OracleValue, dtype: DType) -> Self {
        match value {
            OracleValue::Floats(values) => Values::floats(dtype, values),
            OracleValue::Labels(labels) => Values::U32(labels.clone()),
        }
    }

    /// What the oracle makes of these elements: floats widened, labels as they are.
    pub(crate) fn oracle(&self) -> OracleValue {
        match self {
            Values::F32(v) => OracleValue::Floats(v.iter().copied().map(f64::from).collect()),
            Values::F64(v) => OracleValue::Floats(v.clone()),
            Values::U32(v) => OracleValue::Labels(v.clone()),
        }
    }

    /// Elements that no computation gives: NaNs with a payload of their own, and for labels the
    /// largest number.
    pub(crate) fn marked(dtype: DType, len: usize) -> Self {
        match dtype {
            DType::F64 => Values::F64(vec![f64::from_bits(0x7ff8_0bad_0bad_0bad); len]),
            DType::U32 => Values::U32(vec![u32::MAX; len]),
            _ => Values::F32(vec![f32::from_bits(0x7fc0_0bad); len]),
        }
    }

    pub(crate) fn dtype(&self) -> DType {
        self.host().dtype()
    }

    pub(crate) fn len(&self) -> usize {
        self.host().len()
    }

    pub(crate) fn host(&self) -> HostRef<'_> {
        with!(self, v => Element::host(v))
    }

    pub(crate) fn host_mut(&mut self) -> HostMut<'_> {
        with!(self, v => Element::host_mut(v))
    }

    /// One element's bits.
    pub(crate) fn bits(&self, i: usize) -> u64 {
        match self {
            Values::F32(v) => u64::from(v[i].to_bits()),
            Values::F64(v) => v[i].to_bits(),
            Values::U32(v) => u64::from(v[i]),
        }
    }

    /// The first element whose bits differ from those of another vector of the same length.
    pub(crate) fn first_difference(&self, other: &Values) -> Option<usize> {
        (0..self.len()).find(|&i| self.bits(i) != other.bits(i))
    }

    /// One element as a float, exactly.
    pub(crate) fn get(&self, i: usize) -> f64 {
        match self {
            Values::F32(v) => f64::from(v[i]),
            Values::F64(v) => v[i],
            Values::U32(v) => f64::from(v[i]),
        }
    }

    /// A range of the elements.
    pub(crate) fn range(&self, start: usize, len: usize) -> Values {
        match self {
            Values::F32(v) => Values::F32(v[start..start + len].to_vec()),
            Values::F64(v) => Values::F64(v[start..start + len].to_vec()),
            Values::U32(v) => Values::U32(v[start..start + len].to_vec()),
        }
    }

    /// Overwrites elements from `start` on.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the types differ.
    pub(crate) fn write(&mut self, start: usize, from: HostRef<'_>) -> Result<()> {
        let range = start..start + from.len();
        with!(self, v => v[range].copy_from_slice(Element::from_host(from)?));
        Ok(())
    }

    /// Copies elements from `start` on.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the types differ.
    pub(crate) fn read(&self, start: usize, to: HostMut<'_>) -> Result<()> {
        let range = start..start + to.len();
        match (self, to) {
            (Values::F32(v), HostMut::F32(to)) => to.copy_from_slice(&v[range]),
            (Values::F64(v), HostMut::F64(to)) => to.copy_from_slice(&v[range]),
            (Values::U32(v), HostMut::U32(to)) => to.copy_from_slice(&v[range]),
            (_, to) => {
                let message = format!("holds {}, the host slice {}", self.dtype(), to.dtype());
                return Err(Error::invalid("copy", message));
            }
        }
        Ok(())
    }
}
