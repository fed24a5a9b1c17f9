"""Arms as data: one YAML file an arm, named by its file or by a path; `spec` reads them."""
