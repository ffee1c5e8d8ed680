//! Encodes and decodes the domain enums as text.

use eventboard_domain::StringEnum;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
};

/// An enum value that is sent to and read from the database as text. `status::text as "status!: AsText<EventStatus>"`
/// reads a value, and `$1::text::"EventStatus"` accepts one.
///
/// Text is used even for columns of a PostgreSQL enum type, because sqlx would have to look up the enum type once per
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsText<T>(pub T);

impl<T> Type<Postgres> for AsText<T> {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }

    fn compatible(column: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(column)
    }
}

impl<T: StringEnum> Encode<'_, Postgres> for AsText<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<Postgres>>::encode(self.0.as_str(), buffer)
    }
}

impl<T: StringEnum> Decode<'_, Postgres> for AsText<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(<&str as Decode<Postgres>>::decode(value)?.parse()?))
    }
}
