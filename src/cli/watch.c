#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/run_list.h"
#include "report/line.h"
#include "view/picture.h"

enum { ROWS_ONCE = 24, MOST_ROWS = 60, WAIT_MILLISECONDS = 500, LOOK_FOR_RUNS_SECONDS = 2 };

typedef struct request {
    lm_option_texts runs;
    bool once, ascii;
} request;

static const lm_option options[] = {
    {"once", NULL, "print the picture once, as is done where there is no terminal",
     LM_STORED(request, once)},
    {"ascii", NULL, "draw with ' . : in place of braille", LM_STORED(request, ascii)},
    {0},
};

/* ---- the terminal -----------------------------------------------------------------------------*/

static volatile sig_atomic_t asked_to_end;

static void on_signal(int number) {
    (void)number;
    asked_to_end = 1;
}

static void on_resize(int number) {
    (void)number; /* ends the wait: the picture is drawn anew */
}

typedef struct screen {
    bool keys; /* standard input is a terminal whose keys come one by one */
    struct termios before;
} screen;

static void listen_to(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(number, &action, NULL);
}

/* The other page of the terminal, without a cursor. */
static void open_screen(screen *s) {
    struct termios raw;
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++) listen_to(ends[i], on_signal);
    listen_to(SIGWINCH, on_resize);
    signal(SIGPIPE, SIG_IGN);
    s->keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &s->before) == 0;
    if (s->keys) {
        raw = s->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        s->keys = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    fputs("\033[?1049h\033[?25l", stdout);
    fflush(stdout);
}

static void close_screen(screen *s) {
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (s->keys) tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

/* Waits for a key, a signal or time to pass; true: the user wants to end. */
static bool wait_for_user(screen *s) {
    char keys[32];
    struct pollfd in = {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN};
    int n = poll(&in, 1, WAIT_MILLISECONDS);
    if (asked_to_end) return true;
    if (n <= 0 || !(in.revents & (POLLIN | POLLHUP))) return false;
    ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    if (got <= 0) s->keys = false;
    return got > 0 && (memchr(keys, 'q', (size_t)got) || memchr(keys, 'Q', (size_t)got));
}

static lm_look look_of(const request *r, bool live) {
    const char *no = getenv("NO_COLOR");
    struct winsize size;
    bool terminal = lm_line_is_terminal(stdout);
    lm_look look = {.columns = (int)lm_min((int64_t)lm_line_columns(stdout), 1000),
                    .rows = ROWS_ONCE,
                    .colour = terminal && !(no && *no),
                    .ascii = r->ascii};
    if (live && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        look.rows = (int)lm_min(size.ws_row, MOST_ROWS);
    return look;
}

/* ---- the picture ------------------------------------------------------------------------------*/

static lm_status print_once(const request *r, const lm_run_list *l, lm_error *err) {
    lm_look look = look_of(r, false);
    lm_text text = {0};
    lm_picture_print(l->runs, l->count, &look, &text);
    lm_status status = lm_print(&text, err);
    lm_text_free(&text);
    return status;
}

/* Drawn over the one before, at once, line by line, so that nothing flickers. */
static lm_status redraw(const request *r, const lm_run_list *l, lm_error *err) {
    lm_look look = look_of(r, true);
    lm_text picture = {0}, text = {0};
    look.rows--; /* the line at the bottom */
    lm_picture_print(l->runs, l->count, &look, &picture);
    lm_text_printf(&text, "\033[?2026h\033[H");
    for (const char *at = lm_text_cstr(&picture); *at;) {
        size_t n = strcspn(at, "\n");
        lm_text_append(&text, at, n);
        lm_text_printf(&text, "\033[K\r\n");
        at += n + (at[n] == '\n');
    }
    lm_text_printf(&text, "\033[J%s\033[?2026l", look.columns >= 12 ? "q ends this" : "");
    text.failed |= picture.failed;
    lm_status status = lm_print(&text, err);
    lm_text_free(&picture);
    lm_text_free(&text);
    return status;
}

static bool any_running(const lm_run_list *l) {
    for (int64_t i = 0; i < l->count; i++)
        if (l->runs[i].running) return true;
    return false;
}

/* Until the user ends it, or no run is running any more; a directory of runs may get new ones. */
static lm_status watch(const request *r, lm_run_list *l, lm_error *err) {
    screen s = {0};
    double looked = lm_clock_seconds();
    lm_status status = LM_OK;
    open_screen(&s);
    while (status == LM_OK && (any_running(l) || l->may_grow)) {
        if ((status = redraw(r, l, err)) != LM_OK || wait_for_user(&s)) break;
        if (l->may_grow && lm_clock_seconds() - looked > LOOK_FOR_RUNS_SECONDS) {
            looked = lm_clock_seconds();
            status = lm_run_list_find(l, &r->runs, err);
        }
        if (status == LM_OK) status = lm_run_list_read(l, err);
    }
    close_screen(&s);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_run_list l;
    lm_status status = lm_run_list_open(&l, &r->runs, err);
    if (status != LM_OK) return status;
    if (!r->once && lm_line_is_terminal(stdout)) status = watch(r, &l, err);
    if (status == LM_OK) status = print_once(r, &l, err);
    lm_run_list_close(&l);
    return status;
}

const lm_command lm_command_watch = {
    .name = "watch",
    .summary = "a live picture of one or many runs in a terminal",
    .usage = "RUN... [--once] [--ascii]",
    .example = "  lmtrain watch runs/quickstart\n"
               "  lmtrain watch runs          # all runs in a directory\n",
    .options = options,
    .arguments = {"RUN", offsetof(request, runs), 1, LM_OPTION_MOST_TEXTS},
    .size = sizeof(request),
    .run = run,
};
