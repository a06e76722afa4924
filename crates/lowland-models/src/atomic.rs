//! Writing files so that a reader never sees half of one.

use std::io::{Result, Write};
use std::path::Path;

/// Replaces a file by new contents in one instant: writes a temporary file beside it, waits until the
/// disk has it, and only then gives it its name.
///
/// # Errors
/// What the system says; then the old file, if any, is untouched and nothing is left behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        // As of any other new file: the umask takes its share. Temporary files are private else.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name is an entry of the folder; not every system can sync one.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
