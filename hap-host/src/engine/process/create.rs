use std::{
    collections::HashSet,
    fs, io,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use hap_manifest::PluginId;
use serde::{Deserialize, Serialize};

use super::{
    error::{self, blocking},
    folder::{StateFolder, age, is_absent, is_name, make_private, new_id, write_json},
    record::Record,
    shared::Shared,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    instance::InstanceName,
    observed::ContainerId,
    resource::{Resource, ResourceKind},
    spec::ContainerSpec,
};

/// Whose a volume is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    instance: String,
    plugin: PluginId,
}

pub(super) async fn create(shared: &Arc<Shared>, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
    let (shared, spec) = (Arc::clone(shared), spec.clone());
    blocking("create", move || create_now(&shared, &spec)).await
}

fn create_now(shared: &Shared, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
    let names = spec.volumes.iter().map(|volume| &volume.name).chain([&spec.name]);
    for name in names {
        if !is_name(name) {
            let message = format!("{name:?} cannot name a file, which it has to on this engine");
            return Err(error::rejected("create", &spec.name, message));
        }
    }
    let program = program(spec)?;
    let folder = &shared.folder;
    let io = |error| error::file("create", folder.root(), error);
    for volume in &spec.volumes {
        ensure_volume(folder, spec, &volume.name)?;
    }
    let port = free_port(folder).map_err(io)?;
    let id = new_id(&spec.name);
    let record = Record::new(spec, &id, program, port);
    if !folder.claim(&record).map_err(io)? {
        return Err(EngineError::new(
            EngineErrorKind::Conflict,
            "create",
            &spec.name,
            "a container of that name exists",
        ));
    }
    shared.secrets.keep(&id, &spec.env);
    shared.news.saw(&record);
    Ok(id)
}

/// The program of a spec, by its absolute path.
fn program(spec: &ContainerSpec) -> Result<PathBuf, EngineError> {
    let refuse = |message: String| error::rejected("create", &spec.name, message);
    let Some(program) = &spec.program else {
        return Err(refuse(format!(
            "this engine runs plugins as local processes and needs a program in place of image {}: the application \
             names one when it installs the plugin (`process_program`)",
            spec.image
        )));
    };
    let shown = program.display();
    let meta = fs::metadata(program).map_err(|error| {
        refuse(format!(
            "the program {shown} cannot be run: {error}: name the right path when the plugin is installed (`process_program`)"
        ))
        .with_source(error)
    })?;
    if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
        return Err(refuse(format!(
            "the program {shown} is not an executable file: name one when the plugin is installed (`process_program`), \
             or allow its execution"
        )));
    }
    // It runs in a folder of its own, where a relative path would mean something else.
    std::path::absolute(program).map_err(|error| error::file("create", program, error))
}

fn ensure_volume(folder: &StateFolder, spec: &ContainerSpec, name: &str) -> Result<(), EngineError> {
    let path = folder.volume(name);
    let io = |error| error::file("create", &path, error);
    let owner = Owner {
        instance: spec.instance.as_str().to_owned(),
        plugin: spec.plugin.clone(),
    };
    match read_owner(&folder.owner(name)).map_err(io)? {
        Some(other) if other != owner => Err(error::rejected(
            "create",
            name,
            format!(
                "the volume belongs to plugin {} of instance {}",
                other.plugin, other.instance
            ),
        )),
        Some(_) => make_private(&path).map_err(io),
        None => {
            // The owner first: a volume without one would never be removed.
            write_json(&folder.owner(name), &owner).map_err(io)?;
            make_private(&path).map_err(io)
        }
    }
}

pub(super) async fn remove_volumes(
    shared: &Arc<Shared>,
    instance: &InstanceName,
    plugin: &PluginId,
) -> Result<(), EngineError> {
    let folder = shared.folder.clone();
    let wanted = Owner {
        instance: instance.as_str().to_owned(),
        plugin: plugin.clone(),
    };
    blocking("remove volumes", move || {
        let io = |error| error::file("remove volumes", folder.root(), error);
        for name in folder.owners().map_err(io)? {
            if read_owner(&folder.owner(&name)).map_err(io)?.as_ref() == Some(&wanted) {
                absent_is_fine(fs::remove_dir_all(folder.volume(&name))).map_err(io)?;
                absent_is_fine(fs::remove_file(folder.owner(&name))).map_err(io)?;
            }
        }
        Ok(())
    })
    .await
}

/// The volumes of an instance.
pub(super) fn volumes(folder: &StateFolder, instance: &InstanceName) -> io::Result<Vec<Resource>> {
    let mut volumes = Vec::new();
    for name in folder.owners()? {
        let Some(owner) =
            read_owner(&folder.owner(&name))?.filter(|owner| owner.instance == instance.as_str())
        else {
            continue;
        };
        let made = fs::metadata(folder.owner(&name)).and_then(|meta| meta.modified());
        volumes.push(Resource {
            plugin: Some(owner.plugin),
            age: made.ok().and_then(age),
            ..Resource::new(ResourceKind::Volume, name.as_str(), name.as_str())
        });
    }
    Ok(volumes)
}

fn read_owner(path: &Path) -> io::Result<Option<Owner>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::from),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if is_absent(&error) => Ok(()),
        done => done,
    }
}

/// A loopback port that nobody listens on and that is promised to no other container.
pub(super) fn free_port(folder: &StateFolder) -> io::Result<u16> {
    let promised: HashSet<u16> = folder.all()?.iter().map(|record| record.port).collect();
    let mut last = 0;
    for _ in 0..100 {
        last = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if !promised.contains(&last) {
            break;
        }
    }
    Ok(last)
}

/// Whether a process could listen on the port now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
