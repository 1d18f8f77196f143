//! `dcache top`: opens the dashboard.

use super::App;
use crate::args::Top;
use crate::error::{CliError, Result};
use crate::exit::Exit;

pub async fn top(app: &App, args: &Top) -> Result<Exit> {
    let _ = (app, args);
    Err(CliError::failed("pending"))
}
