//! Copies between host and backend: right ones to the bit, wrong ones refused.

use lowland_core::{Backend, Buffer, DType, Error};

use super::Named;
use super::misuse::{buffer, contents, fits, foreign};
use super::report::{Check, Log};
use crate::values::Values;

/// Every type of elements.
const DTYPES: [DType; 3] = [DType::F32, DType::F64, DType::U32];

pub(super) fn checks<'a>() -> Vec<Named<'a>> {
    let mut checks: Vec<Named<'_>> = Vec::new();
    for dtype in DTYPES {
        let name = |what: &str| format!("{dtype}: {what}");
        checks.push((name("there and back"), Box::new(move |b, log| round_trip(b, dtype, log))));
        checks.push((name("slices"), Box::new(move |b, log| slices(b, dtype, log))));
        checks.push((name("wrong copies"), Box::new(move |b, log| refused(b, dtype, log))));
    }
    checks
}

/// Elements with every kind of bits: ordinary, special, and marks.
fn samples(dtype: DType, len: usize) -> Values {
    let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-310, 1e-40, 0.1];
    let mut values = match dtype {
        DType::U32 => Values::U32((0..len as u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect()),
        dtype => {
            let at =
                |i: usize| if i.is_multiple_of(3) { special[i / 3 % 7] } else { i as f64 / 7.0 };
            Values::floats(dtype, &(0..len).map(at).collect::<Vec<_>>())
        }
    };
    if len > 0 {
        let marked = values.write(len - 1, Values::marked(dtype, 1).host());
        marked.expect("marks have the type that was asked for");
    }
    values
}

fn round_trip(backend: &dyn Backend, dtype: DType, log: &mut Log<'_>) {
    for len in [0, 1, 7, 64, 70_001] {
        let values = samples(dtype, len);
        let Some(buffer) = log.works("upload", buffer(backend, &values)) else { return };
        let Some(back) = log.works("download", contents(backend, &buffer)) else { return };
        if let Some(i) = values.first_difference(&back) {
            log.fail(Check::Copy, format!("element {i} of {len} came back as {:e}", back.get(i)));
        }
    }
}

/// A slice is copied by itself; what is beside it stays.
fn slices(backend: &dyn Backend, dtype: DType, log: &mut Log<'_>) {
    let mut expected = samples(dtype, 100);
    let Some(whole) = log.works("upload", buffer(backend, &expected)) else { return };
    for (start, len) in [(0, 1), (3, 17), (37, 0), (64, 36)] {
        let values = samples(dtype, len);
        let Some(slice) = log.works("slice", whole.slice(start, len)) else { return };
        if log.works("upload", backend.upload(values.host(), &slice)).is_none() {
            return;
        }
        let written = expected.write(start, values.host());
        written.expect("samples have the type that was asked for");
        let Some(back) = log.works("download", contents(backend, &slice)) else { return };
        let came_back = values.first_difference(&back).is_none();
        log.require(came_back, Check::Copy, format!("slice {start}..{} differs", start + len));
    }
    let Some(all) = log.works("download", contents(backend, &whole)) else { return };
    if let Some(i) = expected.first_difference(&all) {
        log.fail(Check::Copy, format!("element {i} changed when slices beside it were written"));
    }
}

fn refused(backend: &dyn Backend, dtype: DType, log: &mut Log<'_>) {
    let values = samples(dtype, 10);
    let Some(buffer) = log.works("upload", buffer(backend, &values)) else { return };
    let other = if dtype == DType::F32 { DType::F64 } else { DType::F32 };
    // Of as many bytes too, which a copy of bytes would not notice.
    let twin = if dtype == DType::U32 { DType::F32 } else { DType::U32 };
    let wrong = [(dtype, 9), (dtype, 11), (dtype, 0), (other, 10), (twin, 10)];
    for (host_dtype, len) in wrong {
        let mut host = Values::marked(host_dtype, len);
        let what = format!("{len} elements of {host_dtype} and 10 of {dtype}");
        expect(log, Check::Operand, &what, backend.upload(host.host(), &buffer));
        expect(log, Check::Operand, &what, backend.download(&buffer, host.host_mut()));
        untouched(log, &what, &Values::marked(host_dtype, len), &host);
    }
    let mut host = values.clone();
    let nowhere: Buffer = foreign(10, dtype);
    let what = "memory of another backend";
    expect(log, Check::Foreign, what, backend.upload(host.host(), &nowhere));
    expect(log, Check::Foreign, what, backend.download(&nowhere, host.host_mut()));
    untouched(log, what, &values, &host);
    let Some(after) = log.works("download", contents(backend, &buffer)) else { return };
    untouched(log, "a buffer", &values, &after);
}

fn untouched(log: &mut Log<'_>, what: &str, before: &Values, after: &Values) {
    let same = before.first_difference(after).is_none();
    log.require(same, Check::Refused, format!("{what}: a copy was refused, but wrote"));
}

/// Notes a failure where a result is not the error that a check wants to see.
fn expect(log: &mut Log<'_>, check: Check, what: &str, result: Result<(), Error>) {
    match result {
        Err(error) if fits(check, &error) => {}
        Err(error) => log.fail(check, format!("{what}: got another error: {error}")),
        Ok(()) => log.fail(check, format!("{what}: was not refused")),
    }
}
