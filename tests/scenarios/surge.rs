//! Reloads in steps, for machines short of memory.
