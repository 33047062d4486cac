//! The time that secrets take, and its ratio to the floor: only unwrapping data keys with age, and only parsing TOML.
//! `cargo bench --bench sops`.
#![allow(clippy::expect_used, reason = "a bench may fail by panicking")]

mod parts;

use std::hint::black_box;
use std::io::{Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519::Identity;
use spile_core::secret::Secret;
use spile_core::sops::{DataKey, Document, Enc, Wrapped, node, rewrite};
use toml::de::DeTable;

use parts::{Against, Took, in_turns, once, row, table};

const FILES: usize = 10_000;
const RUNS: usize = 5;

/// A file as people write them, before it has secrets.
const PLAIN: &str = "# The shop's database.\ntype = \"postgres\"\nloader = \"warehouse\"\nschedule = \"@hourly\"\n\n\
                     [config]\nhost = \"db.example.com\"\nport = 5432\nuser = \"spile\"\ndatabase = \"shop\"\n\n\
                     [streams]\nselect = [\"orders.*\", \"people.*\"]\n";

fn main() {
    let identity = Identity::generate();
    let files: Vec<String> = (0..FILES).map(|number| file(number, &identity)).collect();
    let documents: Vec<Document> = files.iter().map(|text| read(text)).collect();
    let unwrap_alone = || once(|| documents.iter().for_each(|document| drop(black_box(unwrap(document, &identity)))));
    let open = || once(|| documents.iter().for_each(|document| opened(document, &identity)));
    let parse = || once(|| files.iter().for_each(|text| drop(black_box(DeTable::parse(text).expect("TOML")))));
    let check = || once(|| files.iter().for_each(|text| checked(text)));
    let [unwrap_alone, open, parse, check] = in_turns(RUNS, [&unwrap_alone, &open, &parse, &check]);
    table("Secrets, in one process");
    row("opened, MAC checked", FILES, Took::wall(open), Against("unwrapping data keys with age", unwrap_alone), "1.3");
    row("parsed and checked without a key", FILES, Took::wall(check), Against("parsing TOML", parse), "");
}

/// Makes a file with three secrets for one recipient.
fn file(number: usize, identity: &Identity) -> String {
    let key = DataKey::generate();
    let mut document = Document::profile(&[wrap(&key, identity)]);
    for name in ["password", "token", "private_key"] {
        document.set(name, &Secret::new(format!("the {name} of integration {number}")), &key);
    }
    document.seal(&key, jiff::Timestamp::UNIX_EPOCH).expect("it is sealed");
    rewrite(PLAIN, &document).expect("it is TOML")
}

fn wrap(key: &DataKey, identity: &Identity) -> Wrapped {
    let recipient = identity.to_public();
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).expect("a recipient");
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).expect("memory takes it");
    let mut writer = encryptor.wrap_output(armor).expect("memory takes it");
    writer.write_all(key.expose()).expect("memory takes it");
    let bytes = writer.finish().and_then(ArmoredWriter::finish).expect("memory takes it");
    Wrapped { recipient: recipient.to_string(), enc: String::from_utf8(bytes).expect("armor is ASCII") }
}

fn read(text: &str) -> Document {
    let table = DeTable::parse(text).expect("TOML");
    Document::from_members(node::from_toml(table.get_ref())).expect("a document")
}

fn unwrap(document: &Document, identity: &Identity) -> DataKey {
    let age = document.metadata.age().expect("whole entries");
    let decryptor = age::Decryptor::new(ArmoredReader::new(age[0].enc.as_bytes())).expect("an age file");
    let mut bytes = Vec::new();
    let mut reader = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).expect("it is ours");
    reader.read_to_end(&mut bytes).expect("it is whole");
    DataKey::from_bytes(&bytes).expect("32 bytes")
}

fn opened(document: &Document, identity: &Identity) {
    let leaves = document.open(&unwrap(document, identity)).expect("it opens");
    assert_eq!(black_box(leaves).iter().filter(|leaf| leaf.was_encrypted).count(), 3);
}

/// Checks everything that needs no key.
fn checked(text: &str) {
    let document = read(text);
    assert!(document.metadata.mistakes().is_empty() && document.metadata.is_profile());
    let ciphertexts = document.secrets().iter().filter_map(|(_, node)| node.as_text());
    assert_eq!(ciphertexts.filter_map(|text| black_box(text.parse::<Enc>()).ok()).count(), 3);
}
