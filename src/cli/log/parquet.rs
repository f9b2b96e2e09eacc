//! Events as [Apache Parquet](https://parquet.apache.org/docs/file-format/): columns with types,
//! compressed, that DuckDB, pandas, Spark and ClickHouse read as they are.
//!
//! Rows are kept until a group of them is full, so that memory is bounded. A file that was broken
//! off has no footer, and every reader refuses it.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::row::{COLUMNS, Cell, WIDTH, cells};

/// The most rows that are kept before a group of them is written.
const GROUP_ROWS_MAX: usize = 16_384;
/// The definition level of a value that is there in a column that may lack it.
const PRESENT: i16 = 1;

/// A table that is being written.
pub struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Vec<Cell>>,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a table with these columns.
    pub fn begin(out: W) -> io::Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
        let schema = schema().map_err(failed)?;
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties.build()));
        Ok(Self {
            file: file.map_err(failed)?,
            columns: vec![Vec::new(); WIDTH],
        })
    }

    /// Adds a row, and writes the group that it fills.
    pub fn write(&mut self, row: [Cell; WIDTH]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
        if self.rows() >= GROUP_ROWS_MAX {
            self.write_group().map_err(failed)?;
        }
        Ok(())
    }

    /// Writes the last group and the footer.
    pub fn finish(&mut self) -> io::Result<()> {
        self.write_group().map_err(failed)?;
        self.file.finish().map_err(failed)?;
        self.file.inner_mut().flush()
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows() == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            write_column(&mut writer, &std::mem::take(column))?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}

/// The columns with their types: those of an event without data and a contact.
fn schema() -> Result<TypePtr, ParquetError> {
    let empty = cells(&serde_json::Value::Null);
    let fields: Result<Vec<TypePtr>, ParquetError> = COLUMNS
        .iter()
        .zip(&empty)
        .map(|(name, cell)| field(name, cell).map(Arc::new))
        .collect();
    let schema = Type::group_type_builder("event").with_fields(fields?);
    Ok(Arc::new(schema.build()?))
}

fn field(name: &str, cell: &Cell) -> Result<Type, ParquetError> {
    match cell {
        Cell::Number(_) => Type::primitive_type_builder(name, Physical::INT64)
            .with_repetition(Repetition::REQUIRED)
            .build(),
        Cell::Time(_) => Type::primitive_type_builder(name, Physical::INT64)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
            .build(),
        Cell::Text(_) => text(name, Repetition::OPTIONAL),
        // The form that the specification of lists has for a list that is there, of texts that are.
        Cell::List(_) => {
            let element = Arc::new(text("element", Repetition::REQUIRED)?);
            let list = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![element])
                .build()?;
            Type::group_type_builder(name)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![Arc::new(list)])
                .build()
        }
    }
}

fn text(name: &str, repetition: Repetition) -> Result<Type, ParquetError> {
    Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::String))
        .build()
}

/// Writes the cells of one column, which are all of one kind.
fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    cells: &[Cell],
) -> Result<(), ParquetError> {
    let mut numbers: Vec<i64> = Vec::new();
    let mut texts: Vec<ByteArray> = Vec::new();
    let mut defined: Vec<i16> = Vec::new();
    let mut repeated: Vec<i16> = Vec::new();
    for cell in cells {
        match cell {
            Cell::Number(number) => numbers.push(i64::try_from(*number).unwrap_or(i64::MAX)),
            Cell::Time(time) => {
                defined.push(if time.is_some() { PRESENT } else { 0 });
                let millis = time.map(|time| i64::try_from(time.millis()).unwrap_or(i64::MAX));
                numbers.extend(millis);
            }
            Cell::Text(text) => {
                defined.push(if text.is_some() { PRESENT } else { 0 });
                texts.extend(text.as_deref().map(ByteArray::from));
            }
            Cell::List(list) => {
                // An empty list has one entry, which says that nothing is there.
                defined.extend(
                    list.iter()
                        .map(|_| PRESENT)
                        .chain(list.is_empty().then_some(0)),
                );
                let first = std::iter::once(0);
                repeated.extend(first.chain(list.iter().skip(1).map(|_| 1)));
                texts.extend(list.iter().map(|text| ByteArray::from(text.as_str())));
            }
        }
    }
    // A column whose every value is there has no levels.
    let defined = Some(defined.as_slice()).filter(|levels| !levels.is_empty());
    let repeated = Some(repeated.as_slice()).filter(|levels| !levels.is_empty());
    match cells.first() {
        Some(Cell::Number(_) | Cell::Time(_)) => {
            let column = writer.typed::<Int64Type>();
            column.write_batch(&numbers, defined, repeated)?;
        }
        Some(Cell::Text(_) | Cell::List(_)) => {
            let column = writer.typed::<ByteArrayType>();
            column.write_batch(&texts, defined, repeated)?;
        }
        None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Row, RowAccessor};
    use serde_json::json;

    use super::*;

    fn rows(events: &[serde_json::Value]) -> Vec<Row> {
        let mut out = Vec::new();
        let mut table = Parquet::begin(&mut out).unwrap();
        for event in events {
            table.write(cells(event)).unwrap();
        }
        table.finish().unwrap();
        drop(table);
        let reader = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap()).collect()
    }

    #[test]
    fn lists_times_and_what_is_not_shown_come_back() {
        let card = json!({"name": {"full": "Ann"},
            "emails": {"x": {"address": "a@x.org"}, "y": {"address": "b@x.org"}}});
        let event = json!({"sequence": "20", "source": "/kare/a", "time": "1970-01-01T00:00:01.000Z",
            "data": {"operation": "CREATE", "contact": card}});
        let bare =
            json!({"sequence": "21", "source": "/kare/a", "time": "1970-01-01T00:00:02.000Z"});
        let rows = rows(&[event, bare]);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_long(0).unwrap(), 20);
        assert_eq!(rows[0].get_timestamp_millis(1).unwrap(), 1_000);
        assert_eq!(rows[0].get_string(4).unwrap(), "CREATE");
        assert_eq!(rows[0].get_string(11).unwrap(), "Ann");
        assert_eq!(rows[0].get_list(12).unwrap().len(), 2);
        assert_eq!(rows[0].get_list(13).unwrap().len(), 0);
        assert!(rows[1].get_string(4).is_err(), "it is not shown");
        assert_eq!(rows[1].get_list(12).unwrap().len(), 0);
    }

    #[test]
    fn a_group_of_rows_is_written_when_it_is_full() {
        let event = json!({"sequence": "1", "source": "/native/a"});
        let many = vec![event; GROUP_ROWS_MAX + 1];
        assert_eq!(rows(&many).len(), many.len());
    }
}
