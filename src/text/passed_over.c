#include "text/passed_over.h"

#include <inttypes.h>

void lm_passed_over_file(lm_passed_over *p, lm_content content, const char *path) {
    if (p->files[content]++ == 0) p->example[content] = path;
}

static void line(lm_text *out, uint64_t n, const char *one, const char *many) {
    if (n > 0) lm_text_say(out, "passed over: %" PRIu64 " %s\n", n, n == 1 ? one : many);
}

static void put_files(const lm_passed_over *p, lm_text *out) {
    for (int c = 0; c < LM_CONTENTS; c++) {
        uint64_t n = p->files[c];
        const char *advice = lm_content_advice((lm_content)c);
        if (n == 0) continue;
        lm_text_say(out, "passed over: %" PRIu64 " file%s, %s: %s%s", n, n == 1 ? "" : "s",
                    lm_content_name((lm_content)c), p->example[c], n == 1 ? "" : ", ...");
        lm_text_say(out, advice[0] ? " (%s)\n" : "%s\n", advice);
    }
}

void lm_passed_over_report(const lm_passed_over *p, const lm_walk *w, const char *field,
                           lm_text *out) {
    put_files(p, out);
    line(out, w->other, "file without an extension that was asked for",
         "files without an extension that was asked for");
    line(out, w->hidden, "name that begins with a dot", "names that begin with a dot");
    line(out, w->links, "symbolic link to a directory or to nothing",
         "symbolic links to directories or to nothing");
    line(out, w->special, "pipe, socket or device", "pipes, sockets or devices");
    line(out, w->repeated, "file found more than once, taken once",
         "files found more than once, taken once");
    line(out, p->blank, "document without text", "documents without text");
    if (p->null > 0)
        lm_text_say(out, "passed over: %" PRIu64 " JSON line%s whose \"%s\" is null\n", p->null,
                    p->null == 1 ? "" : "s", field);
    line(out, p->sampled, "document that --sample left out", "documents that --sample left out");
    if (p->cut_off) lm_text_say(out, "passed over: the text beyond --max-bytes\n");
    if (p->files_with_zeros > 0)
        lm_text_say(out, "kept: 0x00 bytes beyond the first MiB of %" PRIu64 " file%s: %s%s\n",
                    p->files_with_zeros, p->files_with_zeros == 1 ? "" : "s", p->with_zeros,
                    p->files_with_zeros == 1 ? "" : ", ...");
}
