pub(crate) mod place;
