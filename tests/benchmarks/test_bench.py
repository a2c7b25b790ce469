from benchmarks.bench import Figure, table, write

FAST = Figure("rows stored", 600.0, "rows/s", floor=1000.0, floor_is="executemany", least_share=0.5)
SLOW = Figure("a chart", 420.0, "ms", most=300.0)


def test_a_goal_is_a_share_of_the_floor_or_a_most():
    assert FAST.cells == ("rows stored", "600 rows/s", "1,000 (executemany)", "60%", "≥ 50%", "yes", "")
    assert SLOW.cells == ("a chart", "420 ms", "", "", "≤ 300 ms", "no", "")
    assert Figure("known", 1.0, "s").is_met is None


def test_a_share_that_misses_its_goal_is_not_met():
    assert Figure("rows", 499.0, "rows/s", floor=1000.0, least_share=0.5).is_met is False


def test_the_table_has_a_line_a_figure():
    assert [line.split("  ")[0] for line in table([FAST, SLOW]).splitlines()] == ["what", "rows stored", "a chart"]


def test_results_replace_those_of_the_same_benchmark_and_nothing_else(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(
        "# P\n\n<!-- bench:bulk -->\nold\n<!-- end -->\n\nwords\n\n<!-- bench:reads -->\nkept\n<!-- end -->\n"
    )

    write("bulk", [FAST], "Measured now.", page)
    write("other", [SLOW], "Measured now.", page)

    head = "| what | ours | floor | of floor | goal | met |  |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    fast = "| rows stored | 600 rows/s | 1,000 (executemany) | 60% | ≥ 50% | yes |  |"
    slow = "| a chart | 420 ms |  |  | ≤ 300 ms | no |  |"
    assert page.read_text() == (
        f"# P\n\n<!-- bench:bulk -->\n{head}{fast}\n\nMeasured now.\n<!-- end -->\n\nwords\n\n"
        "<!-- bench:reads -->\nkept\n<!-- end -->\n\n"
        f"## other\n\n<!-- bench:other -->\n{head}{slow}\n\nMeasured now.\n<!-- end -->\n"
    )
