//! Writes mails as files, for development.

use std::{io, path::PathBuf};

use tokio::fs;

use crate::{
    failure::{Failure, Stage},
    message::Mail,
};

/// A folder with a file for each mail. The names sort by time.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Writes a mail to its file. A second delivery replaces the first one.
    pub(crate) async fn deliver(&self, mail: &Mail) -> Result<(), Failure> {
        self.write(mail).await.map_err(|error| {
            tracing::debug!(%error, "A mail could not be written");
            Failure::temporary(Stage::File, error.kind().to_string())
        })
    }

    async fn write(&self, mail: &Mail) -> io::Result<()> {
        fs::create_dir_all(&self.0).await?;
        // A reader never finds half a mail.
        let (unfinished, path) =
            (self.0.join(format!(".{}", mail.id)), self.0.join(format!("{}.eml", mail.id)));
        fs::write(&unfinished, &mail.content).await?;
        fs::rename(&unfinished, &path).await
    }
}
