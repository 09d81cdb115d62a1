//! Issues of mounts and endpoints.

use serde_json::json;

use crate::check;

#[test]
fn mounts_that_get_in_each_others_way() {
    check(
        &json!({"volumes": ["/"]}),
        &[
            "error[invalid_value] /volumes/0: invalid container path \"/\": it would cover the whole container; name a directory, such as \"/data\"",
        ],
    );
    for (path, reserved) in [
        ("/proc", "/proc"),
        ("/sys/fs", "/sys"),
        ("/dev/shm", "/dev"),
        ("/run/hap/x", "/run/hap"),
        ("/run", "/run/hap"),
    ] {
        check(
            &json!({"volumes": [path]}),
            &[&format!(
                "error[reserved_path] /volumes/0: nothing can be mounted at {path}: {reserved} is kept for the container itself; choose another directory, such as \"/data\""
            )],
        );
    }
    for path in ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname/x"] {
        check(
            &json!({"volumes": [path]}),
            &[&format!(
                "error[reserved_path] /volumes/0: nothing can be mounted at {path}: the engine puts a file of its own there; choose another directory, such as \"/data\""
            )],
        );
    }
    check(
        &json!({"volumes": ["/usr"], "tmpfs": ["/lib"]}),
        &[
            "error[reserved_path] /tmpfs/0: nothing can be mounted at /lib: the image has its programs there, and they would be hidden; choose another directory, such as \"/data\"",
            "error[reserved_path] /volumes/0: nothing can be mounted at /usr: the image has its programs there, and a volume would keep those of the first version; choose another directory, such as \"/data\"",
        ],
    );
    check(&json!({"volumes": ["/etc", "/usr/share/light"]}), &[]);
    check(
        &json!({"volumes": ["/tmp/x"]}),
        &[
            "error[reserved_path] /volumes/0: nothing can be mounted at /tmp/x: /tmp is kept in memory; choose another directory, such as \"/data\"",
        ],
    );
    check(
        &json!({"volumes": ["/data", "/x", "/data"]}),
        &["warning[duplicate_entry] /volumes/2: /data is already listed at /volumes/0; remove it"],
    );
    check(
        &json!({"volumes": ["/data/a", "/database", "/data"]}),
        &[
            "error[overlapping_paths] /volumes/2: the volume /data overlaps /data/a at /volumes/0; keep the outer one only: it holds what is below it",
        ],
    );
    check(
        &json!({"volumes": ["/data"], "tmpfs": ["/data", "/proc/x", "/run", "/run"]}),
        &[
            "error[overlapping_paths] /tmpfs/0: /data is already a volume at /volumes/0; keep data that must last as a volume, and remove it here",
            "error[reserved_path] /tmpfs/1: nothing can be mounted at /proc/x: /proc is kept for the container itself; choose another directory, such as \"/data\"",
            "warning[duplicate_entry] /tmpfs/3: /run is already listed at /tmpfs/2; remove it",
        ],
    );
    check(
        &json!({"volumes": ["/data", "/process", "/device"], "tmpfs": ["/tmp", "/run", "/data/cache"]}),
        &[],
    );
    // The index is that of the text, though an entry before it was refused.
    check(
        &json!({"volumes": ["x", "/proc"]}),
        &[
            "error[invalid_value] /volumes/0: invalid container path \"x\": it must begin with '/'; write \"/x\"",
            "error[reserved_path] /volumes/1: nothing can be mounted at /proc: /proc is kept for the container itself; choose another directory, such as \"/data\"",
        ],
    );
}

#[test]
fn endpoints_that_collide() {
    check(
        &json!({"command_endpoint": "/config/"}),
        &[
            "error[endpoint_collision] /command_endpoint: commands and configuration are both posted to /config/; give one of them another path",
        ],
    );
    check(
        &json!({"command_endpoint": "/api", "config_endpoint": "/api"}),
        &[
            "error[endpoint_collision] /config_endpoint: commands and configuration are both posted to /api; give one of them another path",
        ],
    );
    check(
        &json!({"status_endpoint": "/health"}),
        &[
            "warning[endpoint_collision] /status_endpoint: health and status are both asked from /health; give the status a path of its own, so that health stays quick to answer",
        ],
    );
    check(
        &json!({"status_endpoint": "/describe"}),
        &[
            "error[endpoint_collision] /status_endpoint: /describe is the path of another call of the protocol; choose another path",
        ],
    );
    for key in [
        "command_endpoint",
        "config_endpoint",
        "health_check_path",
        "status_endpoint",
    ] {
        check(
            &json!({key: "/metrics/"}),
            &[&format!(
                "error[endpoint_collision] /{key}: /metrics/ is the path of another call of the protocol; choose another path"
            )],
        );
    }
    // One path for two methods is one object in many a framework.
    check(
        &json!({"status_endpoint": "/api", "command_endpoint": "/api"}),
        &[],
    );
    // What was refused is not held against its default.
    check(
        &json!({"command_endpoint": "config", "config_endpoint": "/command"}),
        &[
            "error[invalid_value] /command_endpoint: invalid endpoint path \"config\": it must begin with '/'; write \"/config\"",
        ],
    );
}
