//! Builds anew where the dashboard's pages have changed: files that are new are not known otherwise.

fn main() {
    println!("cargo::rerun-if-changed=../../dashboard/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
