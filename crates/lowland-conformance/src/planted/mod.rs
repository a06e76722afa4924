//! The suite's own tests: backends with one bug each, every one of which must be found by name.

mod results;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lowland_core::op::Kind;
use lowland_core::{
    Backend, Buffer, DType, Error, HostMut, HostRef, MemoryStats, Op, Result, Storage,
};

use crate::reference::Memory;
use crate::values::Values;
use crate::{Check, Reference, Report, Steps, cases, check_with};

/// Runs an op, wrongly.
type Run = fn(&Faulty, &Op, &[&Buffer], &[&Buffer]) -> Result<()>;

/// A right backend behind functions that may be wrong.
#[derive(Debug)]
struct Faulty {
    right: Reference,
    run: Run,
    supports: fn(&Op, DType) -> bool,
    allocate: fn(&Faulty, usize, DType) -> Result<Buffer>,
    upload: fn(&Faulty, HostRef<'_>, &Buffer) -> Result<()>,
    download: fn(&Faulty, &Buffer, HostMut<'_>) -> Result<()>,
    memory: fn(&Faulty) -> MemoryStats,
    calls: AtomicUsize,
    busy: AtomicBool,
}

impl Faulty {
    /// Without a bug.
    fn none() -> Self {
        Faulty {
            right: Reference::new(),
            run: |own, op, inputs, outputs| own.right.run(op, inputs, outputs),
            supports: |_, dtype| dtype.is_float(),
            allocate: |own, len, dtype| own.right.allocate(len, dtype),
            upload: |own, from, to| own.right.upload(from, to),
            download: |own, from, to| own.right.download(from, to),
            memory: |own| own.right.memory(),
            calls: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
        }
    }

    fn running(run: Run) -> Self {
        Faulty { run, ..Self::none() }
    }

    /// Checks this backend on the ops of some names alone.
    fn report(&self, ops: &[&str]) -> Report {
        let mut cases = cases::all();
        cases.retain(|case| ops.contains(&case.op.name()));
        check_with(self, &cases, Steps::Bits)
    }
}

impl Backend for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        (self.allocate)(self, len, dtype)
    }

    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()> {
        (self.upload)(self, from, to)
    }

    fn download(&self, from: &Buffer, to: HostMut<'_>) -> Result<()> {
        (self.download)(self, from, to)
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        (self.supports)(op, dtype)
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        (self.run)(self, op, inputs, outputs)
    }

    fn sync(&self) -> Result<()> {
        self.right.sync()
    }

    fn memory(&self) -> MemoryStats {
        (self.memory)(self)
    }
}

/// Changes what is in a buffer, or beside it: `f` is given the whole storage and the first element
/// of the buffer. An empty one stays.
fn corrupt(buffer: &Buffer, f: impl FnOnce(&mut Values, usize)) {
    if let Some(memory) = buffer.storage::<Memory>().filter(|_| !buffer.is_empty()) {
        f(&mut memory.values(), buffer.offset());
    }
}

/// Sets one element.
fn set(values: &mut Values, i: usize, x: f64) {
    match values {
        Values::F32(v) => v[i] = x as f32,
        Values::F64(v) => v[i] = x,
        Values::U32(v) => v[i] = x as u32,
    }
}

/// One element becomes the next larger number.
fn nudge(buffer: &Buffer) {
    corrupt(buffer, |values, first| match values {
        Values::F32(v) => v[first] = v[first].next_up(),
        Values::F64(v) => v[first] = v[first].next_up(),
        Values::U32(_) => {}
    });
}

/// The report has a failure of this op and this check, and none of another op.
#[track_caller]
fn assert_found(report: &Report, subject: &str, check: Check) {
    let found = report.failures().iter().any(|f| f.subject == subject && f.check == check);
    assert!(found, "no {check:?} of {subject} in\n{report}");
    let misplaced = report.failures().iter().find(|f| f.subject != subject && f.check != check);
    assert!(misplaced.is_none(), "{}", misplaced.unwrap());
}

#[test]
fn without_a_bug_nothing_is_found() {
    let report = Faulty::none().report(&["batch norm", "cross-entropy", "permute", "max"]);
    assert!(report.passed(), "{report}");
    let rows: Vec<(&str, usize)> = report.rows().iter().map(|r| (r.subject, r.failed)).collect();
    assert_eq!(rows.len(), 9, "{rows:?}");
}

/// Bugs of memory and bits.
#[test]
fn disturbed_memory_and_unsteady_bits_are_found() {
    let bugs: [(Run, Check); 6] = [
        // A whole vector is stored where a part of one is left.
        (
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                corrupt(outputs[0], |values, first| {
                    let end = first + outputs[0].len();
                    if end < values.len() {
                        set(values, end, 0.0);
                    }
                });
                Ok(())
            },
            Check::Neighbours,
        ),
        // The element before the output is written.
        (
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                corrupt(outputs[0], |values, first| {
                    if first > 0 {
                        set(values, first - 1, 0.0);
                    }
                });
                Ok(())
            },
            Check::Neighbours,
        ),
        // An input is used as scratch memory.
        (
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                nudge(inputs[0]);
                Ok(())
            },
            Check::Inputs,
        ),
        // Every second call rounds another way.
        (
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                if own.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
                    nudge(outputs[0]);
                }
                Ok(())
            },
            Check::Repeat,
        ),
        // Operands that are not aligned are added up in another order.
        (
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                if outputs[0].offset() % 2 == 1 {
                    nudge(outputs[0]);
                }
                Ok(())
            },
            Check::Placement,
        ),
        // Threads that are busy change the split of a sum.
        (
            |own, op, inputs, outputs| {
                let alone = !own.busy.swap(true, Ordering::SeqCst);
                std::thread::sleep(std::time::Duration::from_millis(2));
                let result = own.right.run(op, inputs, outputs);
                if alone {
                    own.busy.store(false, Ordering::SeqCst);
                } else {
                    nudge(outputs[0]);
                }
                result
            },
            Check::Threads,
        ),
    ];
    for (run, check) in bugs {
        let report = Faulty::running(run).report(&["softmax"]);
        let subject = if check == Check::Threads { "threads" } else { "softmax" };
        let found = report.failures().iter().any(|f| f.subject == subject && f.check == check);
        assert!(found, "no {check:?} in\n{report}");
    }
}

/// Calls that should be refused and are not, or not as they should be.
#[test]
fn missing_refusals_are_found() {
    let misuse = "misuse of operands";
    let unchecked: Run = |own, op, inputs, outputs| {
        // Everything is checked but overlaps.
        match op.check(inputs, outputs) {
            Err(Error::Overlap { .. }) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        own.right.run_unchecked(op, outputs[0].dtype(), inputs, outputs)
    };
    let report = Faulty::running(unchecked).report(&["softmax"]);
    assert_found(&report, misuse, Check::Overlap);

    let ignorant: Run = |own, op, inputs, outputs| {
        let classes = match op {
            Op::CrossEntropy(op) | Op::CrossEntropyGrad(op) => op.classes as f64,
            _ => return own.right.run(op, inputs, outputs),
        };
        op.check(inputs, outputs)?;
        // A label beyond the classes is taken for the last one.
        let buffer = own.right.allocate(inputs[1].len(), DType::U32)?;
        let mut labels = Values::marked(DType::U32, inputs[1].len());
        own.right.download(inputs[1], labels.host_mut())?;
        for i in 0..labels.len() {
            let label = labels.get(i).min(classes - 1.0);
            set(&mut labels, i, label);
        }
        own.right.upload(labels.host(), &buffer)?;
        let mut inputs = inputs.to_vec();
        inputs[1] = &buffer;
        own.right.run(op, &inputs, outputs)
    };
    let report = Faulty::running(ignorant).report(&["cross-entropy"]);
    assert_found(&report, "labels", Check::Label);

    // An output is cleared before its operands are looked at.
    let hasty: Run = |own, op, inputs, outputs| {
        for output in outputs.iter().filter(|output| !output.is_empty()) {
            corrupt(output, |values, first| set(values, first, 0.0));
        }
        own.right.run(op, inputs, outputs)
    };
    assert_found(&Faulty::running(hasty).report(&["max"]), misuse, Check::Refused);

    // Memory of another backend is unwrapped.
    let trusting: Run = |own, op, inputs, outputs| {
        op.check(inputs, outputs)?;
        let foreign = |buffer: &&Buffer| buffer.storage::<Memory>().is_none();
        assert!(!inputs.iter().chain(outputs).any(foreign), "my own memory");
        own.right.run(op, inputs, outputs)
    };
    let report = Faulty::running(trusting).report(&["relu"]);
    assert_found(&report, misuse, Check::Panic);
    assert!(report.to_string().contains("my own memory"), "{report}");
}

#[test]
fn false_support_is_found() {
    let silent = Faulty { supports: |_, dtype| dtype == DType::F32, ..Faulty::none() };
    let report = silent.report(&["relu"]);
    assert_found(&report, "relu", Check::Unsupported);

    let refusing: Run = |_, op, _, _| {
        let (op, backend) = (op.name().into(), "faulty".into());
        Err(Error::Unsupported { op, backend, dtype: DType::F64 })
    };
    let report = Faulty::running(refusing).report(&["relu"]);
    assert!(report.failures().iter().any(|f| f.subject == "relu" && f.check == Check::Works));

    let honest = Faulty { supports: |_, _| false, ..Faulty::running(refusing) };
    let report = honest.report(&["relu"]);
    assert!(report.passed(), "{report}");
    let row = report.rows()[0];
    assert_eq!((row.subject, row.checked, row.unsupported), ("relu", 0, 22));
}

#[test]
fn wrong_copies_and_allocations_are_found() {
    // Copies as many elements as there are.
    let short = |own: &Faulty, from: HostRef<'_>, to: &Buffer| match from {
        HostRef::F32(from) if from.len() > to.len() => {
            own.right.upload(HostRef::F32(&from[..to.len()]), to)
        }
        from => own.right.upload(from, to),
    };
    let report = Faulty { upload: short, ..Faulty::none() }.report(&[]);
    assert_found(&report, "copies", Check::Operand);

    // Ignores where a slice begins.
    let first = |own: &Faulty, from: &Buffer, to: HostMut<'_>| {
        let Some(memory) = from.storage::<Memory>() else { return own.right.download(from, to) };
        if from.len() != to.len() || from.dtype() != to.dtype() {
            return own.right.download(from, to);
        }
        memory.values().read(0, to)
    };
    let report = Faulty { download: first, ..Faulty::none() }.report(&[]);
    assert!(report.failures().iter().any(|f| f.subject == "copies" && f.check == Check::Copy));

    let absurd = |own: &Faulty, len: usize, dtype| own.right.allocate(len.min(1 << 20), dtype);
    let report = Faulty { allocate: absurd, ..Faulty::none() }.report(&[]);
    assert_found(&report, "memory", Check::OutOfMemory);

    let forgetful = |own: &Faulty| {
        let stats = own.right.memory();
        MemoryStats { bytes_in_use: stats.peak_bytes_in_use, ..stats }
    };
    let report = Faulty { memory: forgetful, ..Faulty::none() }.report(&[]);
    assert_found(&report, "memory", Check::Memory);

    let wasteful = |own: &Faulty| {
        let fresh_allocations = own.calls.fetch_add(1, Ordering::Relaxed) as u64;
        MemoryStats { fresh_allocations, ..own.right.memory() }
    };
    let report = Faulty { memory: wasteful, ..Faulty::none() }.report(&[]);
    assert_found(&report, "memory", Check::Memory);
}

/// A failure names the op, the call, the operand, the element, and both numbers.
#[test]
fn a_failure_says_where_and_by_how_much() {
    let doubled: Run = |own, op, inputs, outputs| {
        own.right.run(op, inputs, outputs)?;
        if let (Op::Fill(fill), true) = (op, outputs[0].len() == 3) {
            corrupt(outputs[0], |values, first| set(values, first + 1, 2.0 * fill.value));
        }
        Ok(())
    };
    let report = Faulty::running(doubled).report(&["fill"]);
    let failure = report.failures()[0].to_string();
    assert_eq!(
        failure,
        "fill [Values] f32 Fill(Fill { len: 3, value: -3.7 })\n    `y`: 1 of 3 elements are wrong, \
         the worst is element 1: got -7.400000095367432e0, want -3.700000047683716e0, off by \
         3.70e0, allowed 0.00e0; the largest is 3.70e0"
    );
    let row = report.rows().iter().find(|row| row.subject == "fill").unwrap();
    assert_eq!((row.checked, row.failed), (20, 2));
}

/// A storage that only has a name.
#[derive(Debug)]
struct Elsewhere;

impl Storage for Elsewhere {}

/// Two references do not share memory.
#[test]
fn buffers_of_another_reference_are_foreign() {
    let (one, other) = (Reference::new(), Reference::new());
    let buffer = other.allocate(2, DType::F32).unwrap();
    let values = Values::floats(DType::F32, &[1.0, 2.0]);
    let error = one.upload(values.host(), &buffer).unwrap_err();
    assert!(matches!(error, Error::ForeignBuffer { .. }), "{error}");
    let nowhere = Buffer::new(std::sync::Arc::new(Elsewhere), DType::F32, 2);
    assert!(other.upload(values.host(), &nowhere).is_err());
    other.upload(values.host(), &buffer).unwrap();
    assert_eq!((&other as &dyn Backend).to_vec::<f32>(&buffer).unwrap(), [1.0, 2.0]);
}

/// Every op takes floats or labels, and a case has what its op takes.
#[test]
fn cases_have_the_operands_of_their_ops() {
    for case in cases::all() {
        let operands = case.op.operands();
        assert_eq!(case.inputs.len(), operands.inputs.len(), "{:?}", case.op);
        for (value, operand) in case.inputs.iter().zip(&operands.inputs) {
            let len = match operand.kind {
                Kind::Float => value.floats().len(),
                Kind::Label => value.labels().len(),
            };
            assert_eq!(len, operand.len, "{:?} {}", case.op, operand.name);
        }
        assert_eq!(case.tolerances.len(), operands.outputs.len(), "{:?}", case.op);
    }
}
