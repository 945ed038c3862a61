"""Results for people and machines: HTML, Markdown, JUnit, terminal."""
