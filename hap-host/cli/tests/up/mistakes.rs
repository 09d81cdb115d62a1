//! The likeliest mistakes: each ends in one message that says what to do.

use std::net::TcpListener;

use super::{bell::code, *};

#[track_caller]
fn ends(place: &Place, exit: i32, what: &str, help: &str) {
    let done = place.done(&["up"]);
    let told = text(&done.stderr);
    assert_eq!(code(&done), exit, "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(told.contains(what) && told.contains(help), "{told}");
    assert_eq!(text(&done.stdout), "");
}

#[test]
fn without_an_engine_it_says_where_it_looked() {
    let place = Place::with("engine = \"unix:///no/such.sock\"\n");
    ends(&place, 5, "/no/such.sock", "start Docker");
}

/// The socket of the machine's engine, for whoever may not use it.
#[test]
#[ignore = "needs a Docker engine and root"]
fn a_socket_that_the_user_may_not_use_is_told_with_how_to_be_let_in() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::with("");
    let all_may = fs::Permissions::from_mode(0o777);
    fs::set_permissions(place.folder.path(), all_may).unwrap();
    // The program may lie where only root looks.
    let program = place.folder.path().join("hap");
    fs::copy(env!("CARGO_BIN_EXE_hap"), &program).unwrap();
    let done = Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--inh-caps=-all",
        ])
        .arg(&program)
        .arg("up")
        .env("HAP_STATE", place.state())
        .env("HAP_CONFIG", place.file())
        .output()
        .unwrap();
    let told = text(&done.stderr);
    assert_eq!(code(&done), 5, "{told}");
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    assert!(
        told.contains("may this user open the socket?") && told.contains("usermod -aG docker"),
        "{told}"
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (table, key) in [("api", "api.listen"), ("metrics", "metrics.listen")] {
        let place = Place::new(&format!("[{table}]\nlisten = \"{address}\"\n"));
        ends(
            &place,
            6,
            &format!("{key} = \"{address}\" cannot be listened on"),
            "write another one",
        );
        assert!(!place.state().exists(), "nothing was started");
    }
}

#[test]
fn a_state_folder_that_cannot_be_is_told_with_its_name() {
    let place = Place::new("");
    fs::write(place.state(), "a file").unwrap();
    ends(&place, 1, &place.state().display().to_string(), "--state DIR");
}

#[test]
fn a_file_that_is_no_toml_or_has_a_wrong_key_is_told_with_the_line() {
    let place = Place::with("engine = process\n");
    ends(&place, 1, "hap.toml:1:", "is no TOML");
    place.write("engine = \"process\"\n[policy]\nnetwrok = \"by_grant\"\n");
    ends(&place, 1, "3:1: policy.netwrok", "did you mean `network`?");
}

#[test]
fn a_file_that_is_missing_is_told_with_its_name() {
    let place = Place::new("");
    fs::remove_file(place.file()).unwrap();
    ends(&place, 3, "hap.toml cannot be read", "--config FILE");
}

#[test]
fn a_certificate_that_is_missing_or_not_of_its_key_is_told_with_the_names_of_the_files() {
    let place = Place::new("[api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"a.pem\"\nkey = \"b.key\"\n");
    ends(&place, 1, "a.pem cannot be used: No such file", "[api]");
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(place.folder.path().join("a.pem"), made().cert.pem()).unwrap();
    fs::write(
        place.folder.path().join("b.key"),
        made().signing_key.serialize_pem(),
    )
    .unwrap();
    ends(
        &place,
        1,
        "b.key cannot be used: it is not the key of the certificate",
        "made together",
    );
}

#[test]
fn an_address_beyond_this_machine_without_a_certificate_is_refused() {
    let place = Place::new("[api]\nlisten = \"0.0.0.0:8443\"\n");
    ends(&place, 1, "3:1: api.listen: ", "certificate");
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_told_with_the_limit() {
    let place = Place::new("");
    let deep = place.folder.path().join("a".repeat(100));
    let done = place.hap(&["up"]).env("HAP_STATE", deep).output().unwrap();
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{told}");
    assert!(told.contains("107") && told.contains("--state DIR"), "{told}");
}

#[test]
fn a_path_that_is_no_text_is_told_and_not_fallen_over() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let place = Place::new("");
    let odd = OsStr::from_bytes(b"/tmp/\xff");
    for variable in ["HAP_STATE", "HAP_CONFIG"] {
        let done = place.hap(&["up"]).env(variable, odd).output().unwrap();
        let told = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{told}");
        assert!(told.contains("it is no UTF-8"), "{told}");
    }
}

#[test]
fn users_that_are_there_already_or_not_at_all_are_told_with_what_to_do() {
    let place = Place::new("");
    place.add_user("anna", "viewer");
    let again = place.done(&["user", "add", "anna", "--role", "admin"]);
    assert_eq!(again.status.code(), Some(6));
    assert!(
        text(&again.stderr).contains("hap user rm anna"),
        "{}",
        text(&again.stderr)
    );
    let none = place.done(&["user", "rm", "otto"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(
        text(&none.stderr).contains("hap user ls"),
        "{}",
        text(&none.stderr)
    );
    let role = place.done(&["user", "add", "otto", "--role", "root"]);
    assert_eq!(role.status.code(), Some(2));
}
