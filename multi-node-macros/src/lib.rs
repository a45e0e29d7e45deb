//! The attribute `main` and the derive `Message`.
