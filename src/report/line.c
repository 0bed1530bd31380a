#include "report/line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool lm_line_is_terminal(FILE *stream) {
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) == 1 && !(term && strcmp(term, "dumb") == 0);
}

size_t lm_line_columns(FILE *stream) {
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

void lm_line_print_time(FILE *stream) {
    time_t now = time(NULL);
    struct tm local;
    char text[16];
    if (localtime_r(&now, &local) && strftime(text, sizeof text, "%H:%M:%S ", &local) > 0)
        fputs(text, stream);
}

const char *lm_line_duration(char *out, size_t size, double seconds) {
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(out, size, "-");
        return out;
    }
    long s = (long)(seconds + 0.5);
    if (s >= 86400) {
        snprintf(out, size, "%ldd %ld:%02ld:%02ld", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
    } else if (s >= 3600) {
        snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    } else {
        snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
    }
    return out;
}
