//! The committed figures: the registers and the wide accesses of each kernel.

use std::collections::BTreeMap;

use super::cubin::Compiled;

/// The architectures that kernels are compiled for: those of A100 and H100.
pub const ARCHITECTURES: [&str; 2] = ["sm_80", "sm_90"];

/// The figures of one kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// Registers of a thread on each of [`ARCHITECTURES`].
    pub registers: [u32; 2],
    /// What they may not exceed.
    pub ceiling: u32,
    /// The least number of 16-byte loads from global memory on any of them.
    pub wide_loads: u32,
    /// That of stores.
    pub wide_stores: u32,
}

impl Figure {
    /// The figure of a kernel that was compiled for each of [`ARCHITECTURES`].
    pub fn of(compiled: [&Compiled; 2]) -> Self {
        let [a, b] = compiled;
        let registers = compiled.map(|kernel| kernel.registers);
        Figure {
            registers,
            ceiling: ceiling(registers[0].max(registers[1])),
            wide_loads: a.wide_loads.min(b.wide_loads),
            wide_stores: a.wide_stores.min(b.wide_stores),
        }
    }
}

/// The most registers with which as many blocks of 256 threads fit a multiprocessor, of 65,536
/// registers and at most 2,048 threads, as with this number.
pub fn ceiling(registers: u32) -> u32 {
    let steps = [32, 40, 48, 64, 80, 128];
    steps.into_iter().find(|&most| registers <= most).unwrap_or(255)
}

/// Figures by `unit kernel`.
pub type Figures = BTreeMap<String, Figure>;

const HEADER: &str = "\
# What the compilers of CUDA 13.0 make of each kernel; `cargo xtask kernels check` compares.
# sm_80, sm_90: registers of a thread on either architecture. ceiling: the most registers with which as
# many blocks of 256 threads are resident at a time; a kernel that exceeds it fails. loads, stores:
# accesses to global memory of 16 bytes; a kernel that has fewer fails.
# `cargo xtask kernels check --update` writes this file.
";

/// The figures in the text of their file, which is TOML with one kernel a line.
pub fn parse(text: &str) -> Result<Figures, String> {
    let mut figures = Figures::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '[']) {
            continue;
        }
        let (name, figure) = parse_line(line)
            .ok_or_else(|| format!("line {}: `{line}` is no figure of a kernel", number + 1))?;
        if figures.insert(name.clone(), figure).is_some() {
            return Err(format!("line {}: {name} is there twice", number + 1));
        }
    }
    Ok(figures)
}

/// `"ops/fill.cu fill" = { sm_80 = 12, sm_90 = 12, ceiling = 32, loads = 0, stores = 0 }`
fn parse_line(line: &str) -> Option<(String, Figure)> {
    let (name, rest) = line.strip_prefix('"')?.split_once("\" = {")?;
    let mut figure = Figure::default();
    let mut fields = rest.strip_suffix('}')?.split(',');
    let mut field = |key: &str| -> Option<u32> {
        let (found, value) = fields.next()?.split_once('=')?;
        if found.trim() == key { value.trim().parse().ok() } else { None }
    };
    for (registers, architecture) in figure.registers.iter_mut().zip(ARCHITECTURES) {
        *registers = field(architecture)?;
    }
    figure.ceiling = field("ceiling")?;
    figure.wide_loads = field("loads")?;
    figure.wide_stores = field("stores")?;
    Some((name.to_string(), figure))
}

/// The text of their file.
pub fn render(figures: &Figures) -> String {
    let mut text = format!("{HEADER}\n[kernels]\n");
    for (name, figure) in figures {
        let [a, b] = figure.registers;
        let Figure { ceiling, wide_loads, wide_stores, .. } = figure;
        text += &format!(
            "\"{name}\" = {{ {} = {a}, {} = {b}, ceiling = {ceiling}, loads = {wide_loads}, \
             stores = {wide_stores} }}\n",
            ARCHITECTURES[0], ARCHITECTURES[1]
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_their_file() {
        let figure = Figure { registers: [39, 40], ceiling: 40, wide_loads: 4, wide_stores: 3 };
        let figures: Figures =
            [("step/adam step".into(), figure), ("ops/fill.cu fill".into(), Figure::default())]
                .into();
        let text = render(&figures);
        assert!(text.contains(
            "\n\"step/adam step\" = { sm_80 = 39, sm_90 = 40, ceiling = 40, loads = 4, stores = 3 }\n"
        ));
        assert_eq!(parse(&text), Ok(figures));
    }

    #[test]
    fn what_is_no_figure_is_named() {
        let good = "\"a b\" = { sm_80 = 1, sm_90 = 2, ceiling = 3, loads = 4, stores = 5 }";
        for (text, says) in [
            ("a = 1".to_string(), "line 1: `a = 1` is no figure"),
            (format!("{good}\n{good}"), "line 2: a b is there twice"),
            (good.replace("sm_90", "sm_91"), "line 1: `\"a b\""),
            (good.replace('5', "x"), "line 1: `\"a b\""),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn a_ceiling_keeps_as_many_blocks() {
        // Registers are given out to a warp in units of 256, which is 8 to each of its threads.
        let blocks = |registers: u32| (65_536 / (registers.next_multiple_of(8) * 256)).min(8);
        for registers in 1..=255 {
            let ceiling = ceiling(registers);
            assert_eq!(blocks(ceiling), blocks(registers), "{registers}");
            assert!(ceiling == 255 || blocks(ceiling + 1) < blocks(registers), "{registers}");
        }
    }
}
