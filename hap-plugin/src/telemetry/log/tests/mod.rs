mod line;
mod span_fields;
