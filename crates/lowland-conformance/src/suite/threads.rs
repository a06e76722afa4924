//! Use from several threads at once.

use std::thread;

use lowland_core::{Backend, DType, Result};

use super::Named;
use super::call::{Call, Contents, Placement};
use super::report::{Check, Log};
use crate::cases::Case;
use crate::values::Values;

/// Threads that call at once.
const THREADS: usize = 4;

/// The last case of each op that is neither tiny nor long.
pub(super) fn checks(cases: &[Case]) -> Vec<Named<'_>> {
    let mut chosen: Vec<&Case> = Vec::new();
    for case in cases {
        let operands = case.op.operands();
        let len: usize = operands.inputs.iter().chain(&operands.outputs).map(|o| o.len).sum();
        if !(100..20_000).contains(&len) {
            continue;
        }
        match chosen.iter_mut().find(|other| other.op.name() == case.op.name()) {
            Some(other) => *other = case,
            None => chosen.push(case),
        }
    }
    if chosen.is_empty() {
        return Vec::new();
    }
    let name = format!("{THREADS} threads, {} ops each", chosen.len());
    vec![(name, Box::new(move |backend, log| at_once(backend, &chosen, log)))]
}

fn at_once(backend: &dyn Backend, cases: &[&Case], log: &mut Log<'_>) {
    let supported = cases.iter().copied().filter(|case| backend.supports(&case.op, DType::F32));
    let cases: Vec<&Case> = supported.collect();
    let alone: Result<Vec<_>> = cases.iter().map(|case| outputs(backend, case)).collect();
    let Some(alone) = log.works("alone", alone) else { return };
    // Each thread begins with another op.
    let work = |first: usize| -> Result<Vec<(usize, Vec<Values>)>> {
        let order = (0..cases.len()).map(|i| (i + first) % cases.len());
        order.map(|i| Ok((i, outputs(backend, cases[i])?))).collect()
    };
    let at_once: Vec<_> = thread::scope(|scope| {
        let work = &work;
        let threads = (0..THREADS).map(|first| scope.spawn(move || work(first)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|t| t.join().expect("a call panicked in a thread")).collect()
    });
    for outputs in at_once {
        let Some(outputs) = log.works("with other threads", outputs) else { return };
        for (i, outputs) in outputs {
            let differs = |(a, b): (&Values, &Values)| a.first_difference(b).is_some();
            if alone[i].iter().zip(&outputs).any(differs) {
                let message = format!("{:?} gives other bits beside other threads", cases[i].op);
                log.fail(Check::Threads, message);
            }
        }
    }
}

fn outputs(backend: &dyn Backend, case: &Case) -> Result<Vec<Values>> {
    let call = Call::place(backend, &Contents::of(case, DType::F32), Placement::Aligned)?;
    call.run(&case.op)?;
    Ok(call.after()?.outputs)
}
