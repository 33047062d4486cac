//! Saved plans: what is no plan of this program's is refused, whatever it says; what is one is shown, also without its
//! project.
#![no_main]

use spile_ops::saved_plan::SavedPlan;
use spile_view::plan_data::PlanData;
use spile_view::{plan, plan_markdown};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Any digest passes: what is behind it is what is tried.
    let Ok((saved, value)) = SavedPlan::read(bytes, |saved| saved["digest"].as_str().unwrap_or_default().to_owned())
    else {
        return;
    };
    let _ = saved.options();
    if let Ok(data) = serde_json::from_value::<PlanData>(value) {
        let _ = plan::text(&data);
        let markdown = plan_markdown::markdown(&data);
        assert!(markdown.len() < 1 << 20, "a comment has its limits");
    }
});
