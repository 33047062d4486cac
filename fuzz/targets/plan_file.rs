//! Saved plans: any file that is not this program's plan is refused; a plan can be shown even without its project.
#![no_main]

use spile_ops::saved_plan::SavedPlan;
use spile_view::plan_data::PlanData;
use spile_view::{plan, plan_markdown};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Any digest passes, to test the code after the check.
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
