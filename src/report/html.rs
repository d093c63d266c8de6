use super::Input;
pub(super) fn render(_input: &Input<'_>) -> String {
    String::new()
}
