"""Value types that every room of the learning side shares: records, schemas, errors and time."""
