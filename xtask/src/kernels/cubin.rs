//! What is in a compiled unit, as cuobjdump tells it.

use std::collections::BTreeMap;
use std::path::Path;

use super::tools::Tools;

/// One kernel for one architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of its argument.
    pub args_bytes: usize,
    /// Loads of 16 bytes from global memory.
    pub wide_loads: u32,
    /// Stores of 16 bytes to global memory.
    pub wide_stores: u32,
    /// Accesses whose kind of memory the compiler does not know, which take longer.
    pub generic: u32,
}

/// The kernels of a cubin by name.
pub fn read(tools: &Tools, cubin: &Path) -> Result<BTreeMap<String, Compiled>, String> {
    let dump = |what: &str| -> Result<String, String> {
        let output = tools.command("cuobjdump").arg(what).arg(cubin).output();
        let output = output.map_err(|error| format!("cannot start cuobjdump: {error}"))?;
        if !output.status.success() {
            return Err(format!("cuobjdump {what}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let mut kernels = BTreeMap::new();
    read_resources(&dump("--dump-resource-usage")?, &mut kernels);
    read_arguments(&dump("--dump-elf")?, &mut kernels);
    read_accesses(&dump("--dump-sass")?, &mut kernels);
    Ok(kernels)
}

/// ` Function fill:` and, in the next line, `  REG:12 STACK:0 SHARED:0 ..`.
fn read_resources(text: &str, kernels: &mut BTreeMap<String, Compiled>) {
    let mut name = None;
    for line in text.lines().map(str::trim) {
        if let Some(function) = line.strip_prefix("Function ") {
            name = Some(function.trim_end_matches(':').to_string());
        } else if let Some(registers) = line.strip_prefix("REG:") {
            let registers = registers.split(' ').next().and_then(|r| r.parse().ok());
            if let (Some(name), Some(registers)) = (name.take(), registers) {
                kernels.entry(name).or_default().registers = registers;
            }
        }
    }
}

/// In the section `.nv.info.fill`, the attribute `EIATTR_CBANK_PARAM_SIZE` and its value.
fn read_arguments(text: &str, kernels: &mut BTreeMap<String, Compiled>) {
    let (mut kernel, mut is_size) = (None, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('.') {
            kernel = line.strip_prefix(".nv.info.").map(ToString::to_string);
        } else if let Some(attribute) = line.strip_prefix("Attribute:") {
            is_size = attribute.trim() == "EIATTR_CBANK_PARAM_SIZE";
        } else if let Some(value) = line.strip_prefix("Value:")
            && is_size
        {
            let bytes = value.trim().trim_start_matches("0x");
            let bytes = usize::from_str_radix(bytes, 16).ok();
            if let (Some(kernel), Some(bytes)) = (&kernel, bytes)
                && let Some(kernel) = kernels.get_mut(kernel)
            {
                kernel.args_bytes = bytes;
            }
        }
    }
}

/// After `Function : fill`, instructions such as `LDG.E.128.CONSTANT`.
fn read_accesses(text: &str, kernels: &mut BTreeMap<String, Compiled>) {
    let mut kernel = None;
    for line in text.lines() {
        if let Some((_, name)) = line.split_once("Function : ") {
            kernel = Some(name.trim().to_string());
            continue;
        }
        let Some(kernel) = kernel.as_ref().and_then(|kernel| kernels.get_mut(kernel)) else {
            continue;
        };
        for word in line.split_whitespace() {
            let mut parts = word.split('.');
            let (operation, wide) = (parts.next(), parts.any(|part| part == "128"));
            match operation {
                Some("LDG") => kernel.wide_loads += u32::from(wide),
                Some("STG") => kernel.wide_stores += u32::from(wide),
                Some("LD" | "ST" | "ATOM") => kernel.generic += 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cuobjdump_says_is_read() {
        let mut kernels = BTreeMap::new();
        read_resources(
            "Resource usage:\n Common:\n  GLOBAL:0\n Function fill:\n  REG:12 STACK:0 SHARED:0\n \
             Function step:\n  REG:40 STACK:0\n",
            &mut kernels,
        );
        read_arguments(
            ".nv.info\n\tAttribute:\tEIATTR_CBANK_PARAM_SIZE\n\tValue:\t0x99\n.nv.info.fill\n\t\
             <0x1>\n\tAttribute:\tEIATTR_PARAM_CBANK\n\tValue:\t0x4 0x180160\n\tAttribute:\t\
             EIATTR_CBANK_PARAM_SIZE\n\tFormat:\tEIFMT_HVAL\n\tValue:\t0x18\n.nv.info.step\n\t\
             Attribute:\tEIATTR_CBANK_PARAM_SIZE\n\tValue:\t0x1a0\n",
            &mut kernels,
        );
        read_accesses(
            "\t\tFunction : step\n\t/*0000*/  LDG.E.128.CONSTANT R4, [R2.64] ;  /* 0x1 */\n\
             /*0010*/ @P0 STG.E.128 [R2.64], R4 ;\n/*0020*/ LDG.E R1, [R2] ;\n/*0030*/ LDS.128 R4, \
             [R2] ;\n\t\tFunction : fill\n/*0000*/ ST.E [R2.64], R0 ;\n/*0010*/ LDC R1, c[0x0] ;\n",
            &mut kernels,
        );
        let fill = Compiled { registers: 12, args_bytes: 24, generic: 1, ..Compiled::default() };
        let step =
            Compiled { registers: 40, args_bytes: 416, wide_loads: 1, wide_stores: 1, generic: 0 };
        assert_eq!(kernels, [("fill".into(), fill), ("step".into(), step)].into());
    }
}
