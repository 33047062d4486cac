//! Tricks of an untrusted repository, one at a time: each is laid over a valid project.

use std::sync::Arc;

use super::yard::Yard;

/// A trick, and how to lay it out.
#[derive(Clone)]
pub struct Trick {
    /// Its name.
    pub name: String,
    lay: Arc<dyn Fn(&Yard) + Send + Sync>,
}

impl Trick {
    pub(super) fn new(name: impl Into<String>, lay: impl Fn(&Yard) + Send + Sync + 'static) -> Self {
        Self { name: name.into(), lay: Arc::new(lay) }
    }

    /// Lays out the trick.
    pub fn lay(&self, yard: &Yard) {
        (self.lay)(yard);
    }
}

/// Returns all tricks.
pub fn all() -> Vec<Trick> {
    [names(), texts(), settings(), templates(), repositories(), crowds(), planted()].concat()
}

/// Bytes that are not text, or not the expected kind of text.
fn texts() -> Vec<Trick> {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    let utf16: Vec<u8> = "name = 'x'\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes: [(&str, Vec<u8>); 11] = [
        ("an LFS pointer", pointer.into()),
        ("UTF-16", [&b"\xff\xfe"[..], &utf16].concat()),
        ("a mark of the order of bytes", b"\xef\xbb\xbftype = 'x'\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("a line of a megabyte", format!("name = '{}'\n", "x".repeat(1 << 20)).into()),
        ("a comment of a megabyte", format!("# {}\n", "\u{202e}x".repeat(1 << 18)).into()),
        ("nothing", Vec::new()),
        ("colours and bells", b"type = '\x1b[31mred\x07'\r\rname = '\x1b]0;title\x07'\n".to_vec()),
        ("deep brackets", format!("a = {}", "[".repeat(100_000)).into()),
        ("many keys", (0..2_000).fold(String::new(), |text, key| text + &format!("k{key} = {key}\n")).into()),
        ("a file without an end, nearly", b"# x\n".repeat(2 << 20)),
    ];
    let files = [
        "spile.toml",
        "integrations/fruit.toml",
        "integrations/fruit.dev.toml",
        "integrations/fruit.secrets.yaml",
        "connectors/mine.toml",
        "templates/meltano.yml.j2",
        "templates/list.j2",
        "templates/hook.j2",
        "meltano.yml",
        "dags/spile.py",
        ".sops.yaml",
    ];
    let of = |(what, bytes): &(&str, Vec<u8>)| {
        files.map(|path| {
            let bytes = bytes.clone();
            Trick::new(format!("{what} in {path}"), move |yard| yard.write(path, &bytes))
        })
    };
    bytes.iter().flat_map(of).chain(yaml()).collect()
}

/// A `meltano.yml` that claims to be rendered by spile, and grows when it is parsed.
fn yaml() -> Vec<Trick> {
    let bomb = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
        let aliases = vec![format!("*a{}", at - 1); 20].join(", ");
        text + &format!("a{at}: &a{at} [{aliases}]\n")
    });
    let deep = format!("plugins: {}", "[".repeat(50_000));
    let wide =
        (0..50_000).fold(String::from("plugins:\n  extractors:\n"), |text, at| text + &format!("  - name: tap-{at}\n"));
    let of = |(what, text): (&'static str, String)| {
        Trick::new(format!("{what} in meltano.yml"), move |yard| {
            yard.write("meltano.yml", format!("{}\n{text}", spile_core::render::MARKER));
        })
    };
    [("aliases of aliases", bomb), ("deep brackets", deep), ("many plugins", wide)].map(of).into()
}

/// Names that confuse a terminal, a shell or another system.
fn names() -> Vec<Trick> {
    let odd = [
        "a\nb.toml",
        "a\rb.toml",
        "\u{1b}[2Jclear.toml",
        "\u{202e}lmot.toml",
        "a\tb.toml",
        "--out=x.toml",
        "$(touch pwned).toml",
        "`touch pwned`.toml",
        "::error::x.toml",
        "a b.toml",
        "CON.toml",
        "shop.toml ",
        "SHOP.TOML",
        "Shop.toml",
        "shop..toml",
        "fruit.DEV.toml",
        "fruit.secrets.yml",
        "<script>alert(1)<",
    ];
    let folders = ["integrations", "connectors", "templates"];
    let of = |name: &'static str| {
        folders.map(|folder| {
            Trick::new(format!("a file called {name:?} in {folder}"), move |yard| {
                yard.write(&format!("{folder}/{name}"), "type = 'jsonl'\n");
            })
        })
    };
    let clash = Trick::new("names that differ by case alone", |yard: &Yard| {
        for name in ["shop", "Shop", "SHOP", "sHop"] {
            yard.write(&format!("integrations/{name}.toml"), "type = 'jsonl'\n");
            yard.write(&format!("connectors/{name}.toml"), "label = 'x'\n");
        }
    });
    odd.into_iter().flat_map(of).chain([clash]).collect()
}

/// Settings that send data elsewhere, or name files elsewhere.
fn settings() -> Vec<Trick> {
    const HEAD: &str = "[project]\nname = \"acme\"\n[environments.dev]\n[environments.prod]\n";
    let tables = [
        (
            "a registry on this machine",
            "[registry]\nkind = 'supabase'\nurl = 'http://127.0.0.1:9'\nkey = '${SUPABASE_SECRET_KEY}'\n",
        ),
        (
            "variables everywhere",
            "[registry]\nkind = 'supabase'\nurl = 'https://127.0.0.1:9/${AWS_SECRET_ACCESS_KEY}/${GITHUB_TOKEN}'\n\
             key = '${HOME}'\nrest_path = '/${PATH}'\n",
        ),
        ("an output above the project", "[[outputs]]\ntemplate = 'airflow'\npath = '../elsewhere/private.txt'\n"),
        ("an output anywhere", "[[outputs]]\ntemplate = 'airflow'\npath = '/etc/passwd'\n"),
        ("an output in .git", "[[outputs]]\ntemplate = 'airflow'\npath = '.git/hooks/post-checkout'\n"),
        ("an output in .spile", "[[outputs]]\ntemplate = 'airflow'\npath = '.spile/edits.json'\n"),
        ("an output's template above the project", "[[outputs]]\ntemplate = '../elsewhere/private.txt'\npath = 'x'\n"),
        ("a program in place of Meltano", "[meltano]\nversion = '4.4.1; touch pwned'\n"),
    ];
    let of = |(what, table): (&'static str, &'static str)| {
        Trick::new(format!("spile.toml with {what}"), move |yard| yard.write("spile.toml", format!("{HEAD}{table}")))
    };
    tables.map(of).into()
}

/// Templates that never end, or access forbidden values.
fn templates() -> Vec<Trick> {
    let texts = [
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% include '../elsewhere/private.txt' %}",
        "{% include '/etc/passwd' %}",
        "{% extends 'templates/list.j2' %}",
        "{% import 'integrations/fruit.toml' as x %}{{ x }}",
        "{{ env.HOME }}{{ self.__class__ }}",
        "{{ 'a' * 100000000000 }}",
    ];
    let files = ["templates/meltano.yml.j2", "templates/list.j2", "templates/hook.j2"];
    let of = |text: &'static str| {
        files.map(|path| Trick::new(format!("{text} in {path}"), move |yard| yard.write(path, text)))
    };
    texts.into_iter().flat_map(of).collect()
}

/// Files that make a folder a repository, or look like it.
fn repositories() -> Vec<Trick> {
    let of = |(what, text): (&'static str, &'static str)| {
        Trick::new(format!("a .git file that names {what}"), move |yard| yard.write(".git", text))
    };
    let pointers = [
        ("a folder above", "gitdir: ../elsewhere\n"),
        ("a device", "gitdir: /dev/zero\n"),
        ("nothing", "gitdir: \n"),
        ("itself", "gitdir: .git\n"),
    ];
    let rigged = |yard: &Yard| {
        yard.write(".git/HEAD", "ref: refs/heads/main\n");
        yard.write(".git/refs/heads/main", "0123456789012345678901234567890123456789\n");
        yard.folder(".git/objects");
        let canary = yard.elsewhere("started-by-git");
        let config = format!(
            "[core]\n\tfsmonitor = \"touch {0}\"\n\tsshCommand = \"touch {0}\"\n\tworktree = /\n",
            canary.display()
        );
        yard.write(".git/config", config);
        yard.write(".gitattributes", "* filter=evil diff=evil\n");
    };
    let submodule = |yard: &Yard| {
        yard.write(
            ".gitmodules",
            "[submodule \"x\"]\n\tpath = integrations/sub\n\turl = ext::touch pwned\n\tupdate = !touch pwned\n",
        );
        yard.write("integrations/sub/.git", "gitdir: ../../.git/modules/x\n");
        yard.write("integrations/sub/more.toml", "type = 'jsonl'\nkind = 'loader'\n");
    };
    let bare = |yard: &Yard| {
        yard.write("HEAD", "ref: refs/heads/main\n");
        yard.folder("objects");
        yard.folder("refs");
        let canary = yard.elsewhere("started-by-git");
        yard.write("config", format!("[core]\n\tbare = true\n\tfsmonitor = \"touch {}\"\n", canary.display()));
    };
    let programs = |yard: &Yard| {
        for name in ["git", "sops", "age", "python3", "uv", "notify-send", "ssh", "sh"] {
            yard.write(name, format!("#!/bin/sh\ntouch '{}'\n", yard.elsewhere("started").display()));
            yard.executable(name);
        }
    };
    let others = [
        Trick::new("a repository that names programs", rigged),
        Trick::new("a submodule", submodule),
        Trick::new("a bare repository among the files", bare),
        Trick::new("programs called as those that are started", programs),
    ];
    pointers.map(of).into_iter().chain(others).collect()
}

/// How many files are too many; set `SPILE_HOSTILE_FILES` to 100,000 if you have the time.
fn crowd() -> usize {
    std::env::var("SPILE_HOSTILE_FILES").ok().map_or(200, |files| files.parse().unwrap())
}

/// More of everything than any project has.
fn crowds() -> Vec<Trick> {
    let many = |folder: &'static str, end: &'static str| {
        Trick::new(format!("many files in {folder}"), move |yard: &Yard| {
            for at in 0..crowd() {
                yard.write(&format!("{folder}/many/x{at}{end}"), "type = 'jsonl'\nkind = 'loader'\n");
            }
        })
    };
    let deep = |folder: &'static str| {
        Trick::new(format!("deep folders in {folder}"), move |yard: &Yard| {
            // As deep as the longest possible path.
            let deep = "d/".repeat((4000 - yard.root().as_os_str().len()) / 2);
            let _ = std::fs::create_dir_all(yard.root().join(folder).join(deep));
        })
    };
    vec![
        many("integrations", ".toml"),
        many("connectors", ".toml"),
        many("templates", ".j2"),
        deep("integrations"),
        deep("connectors"),
        deep("templates"),
    ]
}

/// Files that a clone plants in the folders of spile and Meltano.
fn planted() -> Vec<Trick> {
    let files = [
        (".spile/tokens.json", "{\"version\":1,\"tokens\":[{\"name\":\"x\",\"role\":\"admin\",\"hash\":\"0\"}]}"),
        (".spile/registry.db", "SQLite format 3\0"),
        (
            ".spile/hub/index.json",
            "{\"hub\":\"https://127.0.0.1:9\",\"updated_at\":\"2024-01-01T00:00:00Z\",\"plugins\":[]}",
        ),
        (".spile/rendered/meltano.yml", "# 0 0\nplugins: {}\n"),
        (".spile/applied/meltano.yml", "plugins: {}\n"),
        (".spile/catalogs/fruit.dev.json", "{}"),
        (".spile/audit.jsonl", "{}\n"),
        (".spile/outbox/x.json", "{}"),
        (".spile/runs/x/run.json", "{}"),
        (".spile/cache/x", "x"),
        (".spile/logs/x.log", "x\n"),
        (".spile/died/0d9a3f2e-7a53-4a6c-8a46-2f2f4c1d2e3f", "dev"),
        (".meltano/meltano.db", "SQLite format 3\0"),
        (".meltano/run/x", "x"),
    ];
    let of = |(path, text): (&'static str, &'static str)| {
        Trick::new(format!("a {path} of its own"), move |yard| yard.write(path, text))
    };
    let python = Trick::new("a Meltano of its own", |yard: &Yard| {
        for path in
            [".spile/meltano/bin/python", ".spile/meltano/bin/meltano", ".meltano/extractors/tap/venv/bin/python"]
        {
            yard.write(path, format!("#!/bin/sh\ntouch '{}'\n", yard.elsewhere("started").display()));
            yard.executable(path);
        }
    });
    files.map(of).into_iter().chain([python]).collect()
}
