//! What is read from where, and what is refused with which words.

use std::fs;

use bocau_domain::EventType;
use secrecy::ExposeSecret as _;

use super::*;

/// A directory with a configuration file.
struct Given {
    dir: tempfile::TempDir,
    inputs: Inputs,
}

fn given(toml: &str, environment: &[(&str, &str)]) -> Given {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("bocau.toml");
    fs::write(&file, toml).expect("written");
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Given { dir, inputs: Inputs { file: Some(file), environment, flags: Vec::new() } }
}

impl Given {
    fn load(&self) -> Result<Config, String> {
        let dir = format!("{}/", self.dir.path().display());
        Config::load(&self.inputs).map_err(|error| error.to_string().replace(&dir, ""))
    }
}

fn environment(variables: &[(&str, &str)]) -> Result<Config, String> {
    given("", variables).load()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = environment(&[]).expect("the defaults can be used");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("./data"));
    assert_eq!(config.policy, DeliveryPolicy::default());
    assert_eq!((config.lanes.per_webhook, config.lanes.total), (10, 512));
    assert_eq!(config.retention.days(), 30);
    assert_eq!((config.log.as_str(), config.log_format), ("info,refinery_core=warn", LogFormat::Text));
    assert_eq!(config.header_prefix, "bocau");
    assert!(!config.egress_allow_http && config.egress_allow.is_empty() && config.egress_roots.is_empty());
    assert!(config.master_key.is_none() && config.bootstrap_api_key.is_none());
}

#[test]
fn the_environment_stands_over_the_file_and_a_flag_over_both() {
    let mut given = given(
        "max_attempts = 4\nretry_interval = \"1m\"\nlisten = \"127.0.0.1:1\"\n",
        &[("BOCAU_RETRY_INTERVAL", "2h"), ("BOCAU_LISTEN", "127.0.0.1:2")],
    );
    given.inputs.flags.push(("listen", "127.0.0.1:3".to_owned()));
    let config = given.load().expect("can be used");
    let interval = std::time::Duration::from_hours(2);
    assert_eq!(config.policy.retry, RetryPolicy::Every { max_attempts: 4, interval });
    assert_eq!(config.listen.port(), 3);
    let origin = |key: &str| {
        let setting = config.settings.iter().find(|setting| setting.key == key).expect("shown");
        Path::new(&setting.origin).file_name().expect("a name").to_string_lossy().into_owned()
    };
    assert_eq!(
        ["max_attempts", "retry_interval", "listen", "timeout"].map(origin),
        ["bocau.toml", "BOCAU_RETRY_INTERVAL", "--listen", "default"]
    );
}

#[test]
fn a_node_has_a_role_and_a_name() {
    let config = environment(&[]).expect("can be used");
    assert_eq!((config.role, config.node_name, config.migrate_on_start), (NodeRole::All, None, true));
    let url = ("BOCAU_DATABASE_URL", "postgres://bocau@db.example.vn/bocau");
    for role in NodeRole::ALL {
        let config = environment(&[url, ("BOCAU_ROLE", role.as_str()), ("BOCAU_NODE_NAME", "máy 1")]);
        let config = config.expect("can be used");
        assert_eq!((config.role, config.node_name.as_deref()), (*role, Some("máy 1")));
    }
    for role in ["api", "worker"] {
        let error = environment(&[("BOCAU_ROLE", role)]).expect_err(role);
        assert!(
            error.starts_with(&format!("BOCAU_ROLE: \"{role}\" needs PostgreSQL (database_url)")),
            "{error}"
        );
    }
    let error = environment(&[url, ("BOCAU_ROLE", "sender")]).expect_err("there is none");
    assert_eq!(error, "BOCAU_ROLE: \"sender\" is neither all, api nor worker");
    for name in [String::new(), "a\nb".to_owned(), "m".repeat(256)] {
        let error = environment(&[("BOCAU_NODE_NAME", &name)]).expect_err(&name);
        assert!(error.ends_with("is not 1 to 255 characters on one line"), "{error}");
    }
}

#[test]
fn the_public_url_loses_its_slash_and_cookies_are_for_https_where_one_says_so() {
    let config = environment(&[]).expect("can be used");
    assert_eq!((config.public_url, config.secure_cookies), (None, false));
    let config =
        environment(&[("BOCAU_PUBLIC_URL", "https://Bocau.example.vn/"), ("BOCAU_SECURE_COOKIES", "true")]);
    let config = config.expect("can be used");
    assert_eq!(config.public_url.as_deref(), Some("https://bocau.example.vn"));
    assert!(config.secure_cookies);
}

#[test]
fn portal_origins_are_those_that_a_browser_knows() {
    let config = given("portal_origins = [\"https://Admin.ABAHA.vn\", \"https://a.vn:8443\"]", &[]).load();
    assert_eq!(config.expect("can be used").portal_origins, ["https://admin.abaha.vn", "https://a.vn:8443"]);
    let config = environment(&[(
        "BOCAU_PORTAL_ORIGINS",
        "https://a.vn:443, http://localhost:3000,http://127.0.0.2:80,https://10.0.0.1",
    )]);
    assert_eq!(
        config.expect("can be used").portal_origins,
        ["https://a.vn", "http://localhost:3000", "http://127.0.0.2", "https://10.0.0.1"]
    );
    assert!(environment(&[]).expect("can be used").portal_origins.is_empty());
}

#[test]
fn what_is_no_origin_stops_the_start_and_is_named() {
    for text in [
        "*",
        "https://*.a.vn",
        "https://*",
        "http://a.vn",
        "http://localhost.a.vn",
        "http://10.0.0.1",
        "a.vn",
        "https://",
        "https://a.vn/",
        "https://a.vn/x",
        "https://a.vn?x",
        "https://a.vn#x",
        "https://u@a.vn",
        "https://a.vn:",
        "https://a.vn:0",
        "https://a.vn:0443",
        "https://a.vn:65536",
        "https://[::1]",
        "null",
        "https://a..vn",
        "https://-a.vn",
        "https://a.vn.",
        "https://1.2.3",
        "https://a.vn; script-src x",
        "https://a.vn 'self'",
        "'self'",
        "data:",
        "wss://a.vn",
        "https://bồ.vn",
    ] {
        let error =
            environment(&[("BOCAU_PORTAL_ORIGINS", &format!("https://ok.vn,{text}"))]).expect_err(text);
        assert!(error.starts_with("BOCAU_PORTAL_ORIGINS: "), "{error}");
        assert!(error.contains(&format!("has {text:?} in it, which is no origin")), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn networks_are_a_list_or_a_text_with_commas() {
    let texts = |config: Config| config.egress_allow.iter().map(ToString::to_string).collect::<Vec<_>>();
    let list = given("egress_allow = [\"10.0.0.0/8\", \"fd00::/8\"]", &[]).load().expect("can be used");
    assert_eq!(texts(list), ["10.0.0.0/8", "fd00::/8"]);
    let text = environment(&[("BOCAU_EGRESS_ALLOW", "127.0.0.0/8, 10.1.2.3")]).expect("can be used");
    assert_eq!(texts(text), ["127.0.0.0/8", "10.1.2.3/32"]);
}

#[test]
fn what_is_not_allowed_is_named_with_its_source_and_what_is_allowed() {
    for (name, value, expected) in [
        (
            "BOCAU_RETRY_INTERVAL",
            "5x",
            r#"BOCAU_RETRY_INTERVAL: "5x" is not a duration such as 2s, 5m or 1h (1s to 24h)"#,
        ),
        ("BOCAU_RETRY_INTERVAL", "500ms", r#"BOCAU_RETRY_INTERVAL: "500ms" is outside 1s to 24h"#),
        ("BOCAU_RETRY_INTERVAL", "0s", "is outside 1s to 24h"),
        ("BOCAU_RETRY_INTERVAL", "25h", "is outside 1s to 24h"),
        ("BOCAU_RETRY_INTERVAL", "99999999999999999999h", "is outside 1s to 24h"),
        ("BOCAU_RETRY_INTERVAL", "1m30s", "is not a duration"),
        ("BOCAU_RETRY_INTERVAL", " 5m", "is not a duration"),
        ("BOCAU_RETRY_INTERVAL", "-5m", "is not a duration"),
        ("BOCAU_RETRY_INTERVAL", "ms", "is not a duration"),
        ("BOCAU_TIMEOUT", "26s", "is outside 1s to 25s"),
        ("BOCAU_MAX_ATTEMPTS", "0", r#"BOCAU_MAX_ATTEMPTS: "0" is outside 1 to 20"#),
        ("BOCAU_MAX_ATTEMPTS", "21", "is outside 1 to 20"),
        ("BOCAU_RETENTION_DAYS", "0", r#"BOCAU_RETENTION_DAYS: "0" is outside 1 to 3650"#),
        ("BOCAU_RETENTION_DAYS", "3651", "is outside 1 to 3650"),
        ("BOCAU_RETENTION_DAYS", "30d", r#"BOCAU_RETENTION_DAYS: "30d" is not a whole number (1 to 3650)"#),
        ("BOCAU_MAX_ATTEMPTS", "-1", "is outside 1 to 20"),
        ("BOCAU_MAX_ATTEMPTS", "99999999999999999999", "is outside 1 to 20"),
        ("BOCAU_MAX_ATTEMPTS", "three", r#"BOCAU_MAX_ATTEMPTS: "three" is not a whole number (1 to 20)"#),
        ("BOCAU_MAX_ATTEMPTS", "2.5", "is not a whole number"),
        ("BOCAU_MAX_IN_FLIGHT", "0", "is outside 1 to 10000"),
        (
            "BOCAU_EGRESS_ALLOW",
            "10.0.0.0/33",
            r#"BOCAU_EGRESS_ALLOW: "10.0.0.0/33" is not a list of networks"#,
        ),
        ("BOCAU_EGRESS_ALLOW", "localhost", "is not a list of networks"),
        ("BOCAU_TRUSTED_PROXIES", "10.0.0.0/33", "is not a list of networks"),
        (
            "BOCAU_PUBLIC_URL",
            "bocau.example.vn",
            r#"BOCAU_PUBLIC_URL: "bocau.example.vn" is not an http or https URL without a path"#,
        ),
        ("BOCAU_PUBLIC_URL", "https://bocau.example.vn/path", "without a path"),
        ("BOCAU_PUBLIC_URL", "https://a@bocau.example.vn", "is not an http or https URL"),
        ("BOCAU_PUBLIC_URL", "https://bocau.example.vn/#a", "is not an http or https URL"),
        ("BOCAU_PUBLIC_URL", "ftp://bocau.example.vn", "is not an http or https URL"),
        ("BOCAU_SECURE_COOKIES", "1", "is neither true nor false"),
        ("BOCAU_EGRESS_ALLOW_HTTP", "yes", "is neither true nor false"),
        ("BOCAU_EGRESS_CA_FILE", "/nowhere/ca.pem", "/nowhere/ca.pem cannot be read"),
        ("BOCAU_LISTEN", "8080", "is not an IP address with a port"),
        ("BOCAU_LISTEN", "127.0.0.1:80800", "has a port outside 0 to 65535"),
        ("BOCAU_LISTEN", "two\nlines", r#"BOCAU_LISTEN: "two\nlines" is not"#),
        ("BOCAU_DATA_DIR", "", "is no path"),
        ("BOCAU_LOG", "bocau=loud", "is not a log filter"),
        ("BOCAU_LOG_FORMAT", "xml", "is neither text nor json"),
        ("BOCAU_HEADER_PREFIX", "webhook", "are taken"),
        ("BOCAU_HEADER_PREFIX", "Bồ", "is not 1 to 32"),
        ("BOCAU_RETRY_INTERVALS", "5m", "BOCAU_RETRY_INTERVALS: unknown variable"),
        ("BOCAU_EVENT_TYPES", "x", "BOCAU_EVENT_TYPES: unknown variable"),
    ] {
        let error = environment(&[(name, value)]).expect_err(value);
        assert!(error.contains(expected), "{name}={value}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_unknown_key_or_broken_file_is_named_with_the_file() {
    for (toml, expected) in [
        ("listne = \"x\"", "bocau.toml: unknown key \"listne\"; known are listen, "),
        ("[server]\nlisten = \"x\"", "bocau.toml: unknown key \"server\""),
        ("max_attempts = \"many\"", "bocau.toml: max_attempts: \"many\" is not a whole number"),
        ("max_attempts = { a = 1 }", "bocau.toml: max_attempts: a single value is expected"),
        ("listen = 8080", "bocau.toml: listen: \"8080\" is not an IP address"),
        ("listen =", "bocau.toml: TOML parse error at line 1"),
    ] {
        let error = given(toml, &[]).load().expect_err(toml);
        assert!(error.starts_with(expected), "{toml}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let inputs = Inputs { file: Some("/nowhere/bocau.toml".into()), ..Inputs::default() };
    let error = Config::load(&inputs).expect_err("not there").to_string();
    assert!(error.starts_with("/nowhere/bocau.toml cannot be read"), "{error}");
}

#[test]
fn the_value_of_a_secret_is_in_no_error_and_in_no_listing() {
    let good_key = format!("bck_{}", "k".repeat(40));
    for (name, value) in [
        ("BOCAU_MASTER_KEY", "hush-hush"),
        ("BOCAU_BOOTSTRAP_API_KEY", "hush-hush"),
        ("BOCAU_DATABASE_URL", "postgres://bocau:hush-hush@db/bocau?sslmode=never"),
        ("BOCAU_DATABASE_URL", "postgres://bocau:hush-hush@db:port/bocau"),
        ("BOCAU_DATABASE_URL", "mysql://bocau:hush-hush@db/bocau"),
    ] {
        let error = environment(&[(name, value)]).expect_err(name);
        assert!(error.starts_with(name) && !error.contains("hush"), "{error}");
    }
    for toml in [
        "master_key = \"hush-hush",
        "master_key = hush-hush",
        "master_key = [\"hush-hush\"]",
        "bootstrap_api_key = 4815162342",
    ] {
        let error = given(toml, &[]).load().expect_err(toml);
        assert!(!error.contains("hush") && !error.contains("4815162342"), "{error}");
    }
    let config = environment(&[("BOCAU_BOOTSTRAP_API_KEY", &good_key)]).expect("can be used");
    assert_eq!(config.bootstrap_api_key.as_ref().expect("set").expose_secret(), good_key);
    assert!(!format!("{config:?}").contains(&good_key));
}

#[test]
fn shards_are_named_databases_beside_a_home_and_hide_their_passwords() {
    let home = ("BOCAU_DATABASE_URL", "postgres://db/bocau");
    let shards =
        "a=postgres://bocau:hush-hush@one/bocau, b=postgres://bocau:hush-hush@two/bocau?sslmode=require";
    let config = environment(&[home, ("BOCAU_DATABASE_SHARDS", shards)]).expect("can be used");
    let found: Vec<String> =
        config.database_shards.iter().map(|(name, url)| format!("{name} {url}")).collect();
    assert_eq!(found, ["a postgres://bocau@one/bocau", "b postgres://bocau@two/bocau"]);
    assert!(!format!("{config:?}").contains("hush-hush"));
    assert!(
        environment(&[home, ("BOCAU_DATABASE_SHARDS", "")]).expect("can be used").database_shards.is_empty()
    );
    let refused = |settings: &[(&str, &str)]| environment(settings).expect_err("refused");
    let error = refused(&[("BOCAU_DATABASE_SHARDS", shards)]);
    assert!(error.contains("BOCAU_DATABASE_SHARDS") && error.contains("database_url"), "{error}");
    for (shards, problem) in [
        ("postgres://hush-hush/x", "is not a list such as"),
        ("home=postgres://hush-hush/x", "not home"),
        ("A=postgres://hush-hush/x", "a-z"),
        ("a=mysql://hush-hush/x", "a shard a that"),
        ("a=", "without a URL"),
        ("a=postgres://hush-hush/x,a=postgres://hush-hush/y", "the shard a twice"),
    ] {
        let error = refused(&[home, ("BOCAU_DATABASE_SHARDS", shards)]);
        assert!(error.contains(problem) && !error.contains("hush-hush"), "{error}");
    }
}

#[test]
fn a_database_url_names_a_postgresql_database_and_hides_its_password() {
    let url = "postgres://bocau:hush-hush@db/bocau?sslmode=verify-full";
    let config = environment(&[("BOCAU_DATABASE_URL", url)]).expect("can be used");
    assert_eq!(config.database_url.as_ref().expect("set").to_string(), "postgres://bocau@db/bocau");
    assert!(!format!("{config:?}").contains("hush"));
    assert!(environment(&[("BOCAU_DATABASE_URL", "")]).expect("can be used").database_url.is_none());
    let error = environment(&[("BOCAU_DATABASE_URL", "mysql://db/bocau")]).expect_err("refused");
    assert!(error.contains("postgres://"), "{error}");
    let error = environment(&[("BOCAU_DATABASE_URL", "postgres://db/x?sslmode=never")]).expect_err("refused");
    assert!(error.contains("verify-full"), "{error}");
}

#[test]
fn what_kubernetes_puts_into_the_environment_and_what_publish_reads_is_passed_over() {
    let config = environment(&[
        ("BOCAU_SERVICE_HOST", "10.0.0.1"),
        ("BOCAU_SERVICE_PORT_HTTP", "80"),
        ("BOCAU_PORT", "tcp://10.0.0.1:80"),
        ("BOCAU_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("BOCAU_API_KEY", "bck_x"),
        ("BOCAU_URL", "http://x"),
        ("PATH", "/bin"),
    ]);
    assert!(config.is_ok(), "{config:?}");
    assert!(environment(&[("BOCAU_PORTAL", "x")]).is_err());
}

#[test]
fn an_operators_event_types_join_the_catalogue() {
    let given = given(
        "[[event_types]]\nname = \"shipment.created\"\nlabel_vi = \"Vận đơn mới\"\nlabel_en = \"Shipment created\"\n\
         sample_file = \"sample.json\"\nsample_object_id = \"VD-1\"\n\n\
         [[event_types]]\nname = \"stock.low\"\nlabel_vi = \"Sắp hết hàng\"\nlabel_en = \"Low stock\"\ngroup = \"product\"\n",
        &[],
    );
    fs::write(given.dir.path().join("sample.json"), "{ \"id\": 1 }").expect("written");
    let config = given.load().expect("can be used");
    let entry = |name: &str| {
        let name: EventType = name.parse().expect("a type");
        config.catalogue.get(&name).expect("in the catalogue").clone()
    };
    let shipment = entry("shipment.created");
    assert_eq!(
        (&*shipment.group, &*shipment.sample, shipment.sample_object_id.as_str()),
        ("shipment", "{ \"id\": 1 }", "VD-1")
    );
    assert_eq!(&*entry("stock.low").group, "product");
    assert_eq!(&*entry("stock.low").sample, "{}");
    assert!(
        config.settings.iter().any(|setting| setting.key == "event_types[1]" && setting.value == "stock.low")
    );
}

#[test]
fn an_event_type_that_cannot_be_added_is_named_with_its_place() {
    let labels = "label_vi = \"a\"\nlabel_en = \"b\"\n";
    for (lines, expected) in [
        ("name = \"a.b\"\n".to_owned(), "event_types[0]: label_vi is missing"),
        (format!("name = \"Nope\"\n{labels}"), "event_types[0]: name: \"Nope\" is refused"),
        (
            format!("name = \"order.created\"\n{labels}"),
            "event_types[0]: the event type order.created is in the catalogue already",
        ),
        (format!("name = \"a.b\"\nlabel = \"c\"\n{labels}"), "event_types[0]: unknown key \"label\""),
        (format!("name = \"a.b\"\nsample_file = \"none.json\"\n{labels}"), "none.json cannot be read"),
        (format!("name = \"a.b\"\ngroup = \"Big Group\"\n{labels}"), "is not one word"),
        (format!("name = 5\n{labels}"), "event_types[0]: name must be a text"),
    ] {
        let error = given(&format!("[[event_types]]\n{lines}"), &[]).load().expect_err(&lines);
        assert!(error.contains(expected), "{lines}: {error}");
    }
    let error = given("event_types = \"x\"", &[]).load().expect_err("no table");
    assert!(error.contains("is written as [[event_types]]"), "{error}");
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named_with_its_source() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("file"), "").expect("written");
    for (value, problem) in [
        (path("file"), "is not a directory"),
        (path("file/data"), "cannot be used: Not a directory"),
        ("/proc/x".to_owned(), "cannot be made: "),
        ("/proc".to_owned(), "cannot be written to: "),
    ] {
        let config = environment(&[("BOCAU_DATA_DIR", &value)]).expect("it is a path");
        let error = config.check_data_dir().expect_err(&value).to_string();
        let expected = format!("BOCAU_DATA_DIR: the data directory {value:?} {problem}");
        assert!(error.starts_with(&expected), "{error}");
    }
    let given = given("data_dir = \"/proc/x\"", &[]);
    let error =
        given.load().expect("it is a path").check_data_dir().expect_err("it cannot be made").to_string();
    assert!(error.contains("bocau.toml: data_dir: the data directory \"/proc/x\""), "{error}");
}

#[test]
fn trying_the_data_directory_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let entries = || fs::read_dir(dir.path()).expect("it is there").count();
    for name in ["", "data", "a/b/c"] {
        let path = dir.path().join(name).display().to_string();
        let config = environment(&[("BOCAU_DATA_DIR", &path)]).expect("it is a path");
        config.check_data_dir().expect("it can be used");
        assert_eq!(entries(), 0, "{name}");
    }
}

#[test]
fn rate_limits_are_numbers_per_second_and_off_where_none_is_given() {
    assert_eq!(environment(&[]).expect("usable").rate_limits, RateLimits::default());
    let limits = [("BOCAU_RATE_LIMIT_PER_KEY", "100"), ("BOCAU_RATE_LIMIT_PER_IP", "20")];
    let limits = environment(&limits).expect("usable").rate_limits;
    assert_eq!((limits.per_key.map(u32::from), limits.per_ip.map(u32::from)), (Some(100), Some(20)));
    let refused = environment(&[("BOCAU_RATE_LIMIT_PER_IP", "0")]).expect_err("not allowed");
    assert_eq!(refused, "BOCAU_RATE_LIMIT_PER_IP: \"0\" is outside 1 to 1000000");
}
