//! Manual pages and shell completions, made from the definitions that `--help` prints, so that they
//! cannot disagree with it. `PROGRAM --generate SHARE` writes them where systems look for them below
//! a `share` folder; `make install` calls it. It is no part of a stage's own command line.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::Generator;
use clap_complete::shells::{Bash, Fish, Zsh};

use act_core::error::{Error, Result};

use crate::config::settable;
use crate::exit::STATUS;

/// The folder behind `--generate`, if that is all that the arguments say.
pub(crate) fn asked(mut args: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let (option, folder) = (args.nth(1)?, args.next()?);
    (option == "--generate" && args.next().is_none()).then(|| folder.into())
}

/// Writes `man/man1/*.1`, a page for each subcommand, and completions for bash, zsh and fish.
pub(crate) fn generate(command: Command, share: &Path) -> Result<()> {
    let pages = folder(share, "man/man1")?;
    clap_mangen::generate_to(command.clone(), &pages).map_err(|e| Error::io(&pages, e))?;
    exit_status(command.get_name(), &pages)?;
    let name = command.get_name().to_owned();
    let command = with_keys(command, &name);
    completions(
        Bash,
        &command,
        &folder(share, "bash-completion/completions")?,
    )?;
    completions(Zsh, &command, &folder(share, "zsh/site-functions")?)?;
    completions(Fish, &command, &folder(share, "fish/vendor_completions.d")?)
}

/// Adds how a program ends to its page and those of its subcommands.
fn exit_status(name: &str, pages: &Path) -> Result<()> {
    let mut section = String::from(".SH \"EXIT STATUS\"\n");
    for (code, meaning) in STATUS {
        section += &format!(".TP\n\\fB{code}\\fR\n{}\n", meaning.replace('-', "\\-"));
    }
    for page in fs::read_dir(pages).map_err(|e| Error::io(pages, e))? {
        let path = page.map_err(|e| Error::io(pages, e))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if file == format!("{name}.1") || file.starts_with(&format!("{name}-")) {
            let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
            fs::write(&path, text + &section).map_err(|e| Error::io(&path, e))?;
        }
    }
    Ok(())
}

fn completions(shell: impl Generator, command: &Command, folder: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    // For bash, a program is completed by a file of its own name.
    let file = match shell.file_name(&name) {
        file if file.ends_with(".bash") => name.clone(),
        file => file,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command.clone(), name, &mut text);
    let path = folder.join(file);
    fs::write(&path, without_blank(&String::from_utf8_lossy(&text)))
        .map_err(|e| Error::io(&path, e))
}

/// The command, where what `--set` and `--set-any` take is the configuration's keys, each with the `=` that
/// follows. For completions alone: a key is not a whole value. `path` has the names down to a subcommand.
fn with_keys(command: Command, path: &str) -> Command {
    let offered = |program: &str| {
        // clap wants names that live for ever; the program ends when these are written.
        let keys = settable(program)
            .into_iter()
            .map(|key| &*(key + "=").leak());
        PossibleValuesParser::new(keys.collect::<Vec<&'static str>>())
    };
    let with = |command: Command, id: &str, program: &str| {
        if !has(&command, id) {
            return command;
        }
        command.mut_arg(id, |arg| arg.value_parser(offered(program)))
    };
    let command = with(with(command, "set", path), "set_any", "");
    command.mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        with_keys(below, &path)
    })
}

fn has(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == id)
}

/// A completion after which bash and zsh put no blank behind a key, where its value belongs; fish puts none
/// behind a `=`.
fn without_blank(script: &str) -> String {
    let mut lines = Vec::new();
    for line in script.lines() {
        let zsh = line.split_once("]:SECTION.KEY=VALUE:(");
        match zsh.and_then(|(what, keys)| Some((what, keys.rsplit_once(")' ")?))) {
            Some((what, (keys, end))) => lines.push(format!(
                "{what}]:SECTION.KEY=VALUE:{{compadd -S \"\" - {keys}}}' {end}"
            )),
            None => lines.push(line.to_owned()),
        }
        if ["--set)", "--set-any)"].contains(&line.trim()) {
            let indent = &line[..line.len() - line.trim_start().len()];
            lines.push(format!("{indent}    compopt -o nospace"));
        }
    }
    lines.join("\n") + "\n"
}

fn folder(share: &Path, inside: &str) -> Result<PathBuf> {
    let folder = share.join(inside);
    fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
    Ok(folder)
}
