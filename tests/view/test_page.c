#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "containers/json_tree.h"
#include "tests/view/run_files.h"
#include "view/page.h"

static void print_run(const char *path, lm_text *out) {
    lm_error err;
    lm_view_run r;
    lm_page page = {.runs = &r, .n_runs = 1, .written = 1.7e9};
    assert_int_equal(lm_view_run_open(&r, path, &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(lm_page_print(&page, out, &err), LM_OK);
    lm_view_run_free(&r);
}

/* The text between two others; it must be there. */
static lm_text between(const lm_text *page, const char *begin, const char *end) {
    lm_text out = {0};
    const char *from = strstr(lm_text_cstr(page), begin);
    assert_non_null(from);
    from += strlen(begin);
    const char *to = strstr(from, end);
    assert_non_null(to);
    lm_text_append(&out, from, (size_t)(to - from));
    return out;
}

static void check_data(const lm_text *page) {
    lm_error err;
    lm_json_node *root;
    lm_text data =
        between(page, "<script type=\"application/json\" id=\"data\">", "</script>\n<script>");
    assert_null(strchr(lm_text_cstr(&data), '<'));
    assert_int_equal(lm_json_tree_read(&root, "data", lm_text_cstr(&data), data.length, NULL, &err),
                     LM_OK);
    lm_json_tree_free(root);
    lm_text_free(&data);
}

static void check_digest(const lm_text *page, const char *begin, const char *end,
                         const char *directive) {
    lm_text part = between(page, begin, end), policy = {0};
    lm_text_printf(&policy, "%s 'sha256-", directive);
    lm_sha256_base64(lm_text_cstr(&part), part.length, &policy);
    lm_text_append(&policy, "'", 1);
    assert_non_null(strstr(lm_text_cstr(page), lm_text_cstr(&policy)));
    lm_text_free(&part);
    lm_text_free(&policy);
}

/* The policy names the very style and script, allows nothing else, and the page asks for nothing
 * from elsewhere. */
static void test_a_page_is_self_contained(void **state) {
    (void)state;
    lm_text page = {0};
    write_file("a", "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":8,\"loss\":2.5,\"seconds\":0.1}\n");
    print_run("a", &page);
    const char *text = lm_text_cstr(&page);
    assert_non_null(strstr(text, "content=\"default-src 'none'; style-src 'sha256-"));
    assert_null(strstr(text, "unsafe"));
    check_digest(&page, "<style>", "</style>", "style-src");
    check_digest(&page, "</script>\n<script>", "</script>", "script-src");
    check_data(&page);
    assert_null(strstr(text, " style=\""));
    assert_null(strstr(text, " src="));
    assert_null(strstr(text, "url("));
    assert_null(strstr(text, "https:"));
    /* Nothing but the name space of SVG. */
    for (const char *at = text; (at = strstr(at, "http:")) != NULL; at++)
        assert_memory_equal(at, "http://www.w3.org/2000/svg\"", 27);
    lm_text_free(&page);
}

/* What would end an element, begin one, write to a terminal or turn a line, as a reader of JSON
 * hands it over. */
#define HOSTILE_JSON \
    "</script><script>alert(1)</script>\\u2028\\u202e\\u001b[31m'\\\"><img src=x onerror=y>&amp;"

static void check_harmless(const lm_text *page, int scripts) {
    const char *text = lm_text_cstr(page);
    int n = 0;
    for (const char *at = text; (at = strstr(at, "<script")) != NULL; at++) n++;
    assert_int_equal(n, scripts);
    assert_null(strstr(text, "<img"));
    assert_null(strstr(text, "\xe2\x80\xa8"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "&lt;/script&gt;&lt;script&gt;alert(1)"));
    check_data(page);
}

static void test_hostile_strings_are_text(void **state) {
    (void)state;
    lm_text page = {0};
    char *longest = malloc(10241);
    memset(longest, 'n', 10240);
    longest[10240] = '\0';
    const char *name = "b \033[31m\"><img src=x>\xe2\x80\xae";
    write_file(name, "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":8,\"loss\":2.5,\"val_loss." HOSTILE_JSON
               "\":3,\"epochs." HOSTILE_JSON "\":3,\"seconds\":0.1}\n{\"step\":2,\"prompt\":"
               "\"" HOSTILE_JSON "\",\"sample\":\"" HOSTILE_JSON "\\n%s\"}\n",
               longest);
    write_file(name, "resolved.json", "w",
               "{\"run\":{\"dir\":\"" HOSTILE_JSON "\"},\"" HOSTILE_JSON "\":1,\"%s\":\"%s\"}",
               longest, longest);
    write_file(name, "summary.json", "w",
               "{\"state\":\"" HOSTILE_JSON "\",\"error\":\"" HOSTILE_JSON "\",\"plan\":"
               "{\"memory\":{\"" HOSTILE_JSON "\":5}}}");
    print_run(name, &page);
    check_harmless(&page, 2);
    assert_non_null(strstr(lm_text_cstr(&page), longest));
    lm_text_free(&page);
    free(longest);
}

/* The mark is for the least validation loss, whatever training losses others ended with. */
static void test_the_best_run_is_one_that_was_evaluated_and_did_not_diverge(void **state) {
    (void)state;
    static const char *const names[] = {"diverged", "unseen", "evaluated"};
    lm_view_run runs[3];
    lm_text page = {0};
    lm_error err;
    for (int i = 0; i < 3; i++) {
        write_file(names[i], "metrics.jsonl", "w",
                   "{\"step\":1,\"tokens\":8,\"loss\":%d,\"seconds\":0.1}\n", i + 1);
        write_file(names[i], "summary.json", "w", "{\"state\":\"%s\"}",
                   i == 0 ? "diverged" : "finished");
    }
    write_file("diverged", "metrics.jsonl", "a", "{\"step\":1,\"val_loss\":1}\n");
    write_file("evaluated", "metrics.jsonl", "a", "{\"step\":1,\"val_loss\":3}\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lm_view_run_open(&runs[i], names[i], &err), LM_OK);
        assert_int_equal(lm_view_run_read(&runs[i], &err), LM_OK);
    }
    assert_int_equal(
        lm_page_print(&(lm_page){.runs = runs, .n_runs = 3, .written = 1.7e9}, &page, &err), LM_OK);
    lm_text row = between(&page, "<tr class=\"best\">", "</tr>");
    assert_non_null(strstr(lm_text_cstr(&row), ">evaluated<"));
    for (int i = 0; i < 3; i++) lm_view_run_free(&runs[i]);
    lm_text_free(&row);
    lm_text_free(&page);
}

static void test_steps_not_taken_and_targets_are_shown(void **state) {
    (void)state;
    lm_text page = {0};
    for (int i = 1; i <= 9; i++)
        write_file("ev", "metrics.jsonl", "a",
                   "{\"step\":%d,\"tokens\":%d,\"loss\":2.5,\"seconds\":0.1}\n", i, 8 * i);
    write_file("ev", "metrics.jsonl", "a",
               "{\"step\":9,\"event\":\"rewind\",\"refused\":5,\"why\":\"" HOSTILE_JSON
               "\",\"rewinds\":1}\n{\"step\":9,\"event\":\"skip\",\"refused\":8,\"why\":\"w\"}\n");
    write_file(
        "ev", "summary.json", "w",
        "{\"state\":\"finished\",\"targets\":[{\"loss\":2.75,\"step\":4,\"tokens\":32,\"flops\":"
        "5e9,\"seconds\":1.5,\"interpolated\":{\"step\":3.25,\"seconds\":1.25}},{\"loss\":1,"
        "\"step\":null},7]}");
    print_run("ev", &page);
    check_harmless(&page, 2);
    static const char *const parts[] = {"<path d=\"M",
                                        "class=\"event back\"",
                                        "class=\"event\"",
                                        "step not taken</span>",
                                        ">went back to step 9<",
                                        ">skipped<",
                                        "<h2>Targets</h2>",
                                        ">2.75<",
                                        ">5.00 G<",
                                        ">1.5 s<",
                                        ">3.25, 1.25 s<",
                                        ">not reached<",
                                        "\"events\":[[5,9,",
                                        "[8,-1,\"w\"]]"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(lm_text_cstr(&page), parts[i])) fail_msg("no %s", parts[i]);
    lm_text_free(&page);
}

static void test_hostile_sweeps_are_text(void **state) {
    (void)state;
    lm_error err;
    lm_text page = {0};
    write_file("s", "leaderboard.json", "w",
               "[{\"trial\":1,\"state\":\"" HOSTILE_JSON "\",\"loss\":1,\"values\":{\"" HOSTILE_JSON
               "\":\"" HOSTILE_JSON "\",\"b\":1}},{\"trial\":2,\"loss\":null,\"values\":"
               "{\"" HOSTILE_JSON "\":2,\"b\":[1,{\"c\":\"" HOSTILE_JSON "\"}]}}]");
    assert_int_equal(lm_page_sweep_write("s", "s/report.html", false, &err), LM_OK);
    assert_int_equal(lm_file_read("s/report.html", 1 << 20, &page, &err), LM_OK);
    check_harmless(&page, 2);
    assert_null(strstr(lm_text_cstr(&page), "\"running\":true"));
    page.length = 0;
    assert_int_equal(lm_page_sweep_print("s", true, &page, &err), LM_OK);
    assert_non_null(strstr(lm_text_cstr(&page), "\"running\":true"));
    lm_text_free(&page);
}

static void test_the_size_of_a_page_is_bounded(void **state) {
    (void)state;
    lm_text page = {0};
    mkdir("long", 0777);
    FILE *f = fopen("long/metrics.jsonl", "w");
    for (int i = 1; i <= 100000; i++)
        fprintf(f,
                "{\"step\":%d,\"tokens\":%d,\"loss\":%.17g,\"lr\":%.17g,\"grad_norm\":%.17g,"
                "\"tokens_per_s\":%d,\"seconds\":%.4f}\n",
                i, i * 512, i == 54321 ? 77.5 : 2 + sin(i), 1.0 / i, 1 + cos(i), 30000 + i % 1000,
                i / 50.0);
    fclose(f);
    print_run("long", &page);
    assert_in_range(page.length, 100000, 2000000 - 1);
    check_data(&page);
    assert_non_null(strstr(lm_text_cstr(&page), "77.5"));
    lm_text_free(&page);
}

static void test_runs_without_figures_have_a_page(void **state) {
    (void)state;
    lm_text page = {0};
    write_file("none", "metrics.jsonl", "w", "");
    print_run("none", &page);
    assert_non_null(strstr(lm_text_cstr(&page), "No figures yet"));
    check_data(&page);
    page.length = 0;
    write_file("null", "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":8,\"loss\":null,\"grad_norm\":1e308,\"seconds\":0.1}\n"
               "{\"step\":2,\"tokens\":8,\"loss\":null,\"grad_norm\":-1e308,\"seconds\":0.1}\n");
    print_run("null", &page);
    check_data(&page);
    lm_text_free(&page);
}

static void test_only_our_own_file_is_replaced(void **state) {
    (void)state;
    lm_error err;
    lm_text page = {0};
    write_file("a", "metrics.jsonl", "w", "");
    print_run("a", &page);
    assert_int_equal(lm_page_replace("r.html", &page, &err), LM_OK);
    assert_int_equal(lm_page_replace("r.html", &page, &err), LM_OK);
    lm_file_list names;
    assert_int_equal(lm_file_list_directory(&names, ".", &err), LM_OK);
    for (size_t i = 0; i < names.count; i++) assert_null(strstr(names.names[i], ".tmp"));
    lm_file_list_free(&names);
    write_file(".", "mine.html", "w", "<!doctype html><p>mine");
    assert_int_equal(lm_page_replace("mine.html", &page, &err), LM_ERR_USAGE);
    assert_int_equal(lm_file_size("mine.html"), 22);
    assert_int_equal(lm_page_replace("absent/r2.html", &page, &err), LM_ERR_RUNTIME);
    lm_text_free(&page);
}

static void test_leaderboards_that_are_none(void **state) {
    (void)state;
    lm_error err;
    static const char *const texts[] = {"{}", "[1]", "[{\"trial\":1}]", "[{\"values\":3}]",
                                        "[",  ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file("bad", "leaderboard.json", "w", "%s", texts[i]);
        assert_int_equal(lm_page_sweep_write("bad", "bad/r.html", false, &err), LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, "leaderboard.json"));
    }
    write_file("bad", "leaderboard.json", "w", "[]");
    assert_int_equal(lm_page_sweep_write("bad", "bad/r.html", false, &err), LM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_is_self_contained),
        cmocka_unit_test(test_hostile_strings_are_text),
        cmocka_unit_test(test_the_best_run_is_one_that_was_evaluated_and_did_not_diverge),
        cmocka_unit_test(test_steps_not_taken_and_targets_are_shown),
        cmocka_unit_test(test_hostile_sweeps_are_text),
        cmocka_unit_test(test_the_size_of_a_page_is_bounded),
        cmocka_unit_test(test_runs_without_figures_have_a_page),
        cmocka_unit_test(test_only_our_own_file_is_replaced),
        cmocka_unit_test(test_leaderboards_that_are_none),
    };
    return cmocka_run_group_tests(tests, enter_tempdir, tempdir_close);
}
