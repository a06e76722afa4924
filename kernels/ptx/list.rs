// Written by `cargo xtask kernels ptx`.
&[]
