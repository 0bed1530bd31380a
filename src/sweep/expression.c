/* Reading an expression: one function per level of precedence. */
#include "sweep/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/expression_node.h"

typedef struct reader {
    lm_expression *e;
    const char *text;
    size_t at; /* of the next character; white space is behind us */
    int depth;
    lm_expression_stop *stop;
} reader;

bool lm_expression_fail(lm_expression_stop *stop, size_t at, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    stop->at = at;
    vsnprintf(stop->what, sizeof stop->what, format, arguments);
    va_end(arguments);
    return false;
}

static int no_memory(reader *r) {
    r->stop->no_memory = true;
    lm_expression_fail(r->stop, r->at, "out of memory");
    return -1;
}

/* ---- characters -------------------------------------------------------------------------------*/

static void skip_blanks(reader *r) {
    while (r->text[r->at] && strchr(" \t\r\n", r->text[r->at])) r->at++;
}

static bool is_name_character(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* What stands next, for an error: a word, a character, or the end. */
static int expected(reader *r, const char *what) {
    const char *next = r->text + r->at;
    int n = 0;
    while (n < 40 && is_name_character(next[n])) n++;
    if (!*next)
        lm_expression_fail(r->stop, r->at, "expected %s, found the end of the expression", what);
    else
        lm_expression_fail(r->stop, r->at, "expected %s, found \"%.*s\"", what, n ? n : 1, next);
    return -1;
}

/* Takes the symbol, or the word when it is one. */
static bool take(reader *r, const char *symbol) {
    size_t n = strlen(symbol);
    if (strncmp(r->text + r->at, symbol, n) != 0) return false;
    if (isalpha((unsigned char)symbol[0]) && is_name_character(r->text[r->at + n])) return false;
    r->at += n;
    skip_blanks(r);
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------*/

/* -1: there are too many. Room for all of them was allocated. */
static int add_node(reader *r, lm_expression_node node) {
    lm_expression *e = r->e;
    if (e->n_nodes == LM_EXPRESSION_MOST_NODES) {
        lm_expression_fail(r->stop, node.at, "the expression has more than %d parts",
                           LM_EXPRESSION_MOST_NODES);
        return -1;
    }
    e->nodes[e->n_nodes] = node;
    return e->n_nodes++;
}

static int add_operation(reader *r, lm_operation op, size_t at, int a, int b, int c) {
    return add_node(r, (lm_expression_node){.op = op, .at = at, .operands = {a, b, c}});
}

/* A copy that the expression owns; NULL: out of memory. There are no more strings than nodes. */
static const char *keep_string(reader *r, const char *from, size_t n) {
    char *copy = strndup(from, n);
    if (!copy) {
        no_memory(r);
        return NULL;
    }
    r->e->strings[r->e->n_strings++] = copy;
    return copy;
}

static int read_or(reader *r);

/* ---- values -----------------------------------------------------------------------------------*/

static int read_number(reader *r) {
    size_t at = r->at;
    const char *text = r->text + at;
    char *end;
    /* strtod knows more than decimal numbers: hexadecimal ones, infinity. */
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return expected(r, "a number");
    double x = strtod(text, &end);
    if (!isfinite(x)) {
        lm_expression_fail(r->stop, at, "the number is too large");
        return -1;
    }
    r->at += (size_t)(end - text);
    if (is_name_character(r->text[r->at])) return expected(r, "an operator behind the number");
    skip_blanks(r);
    return add_node(r, (lm_expression_node){.op = LM_OP_LITERAL,
                                            .at = at,
                                            .value = {.kind = LM_VALUE_NUMBER, .number = x}});
}

static int read_string(reader *r) {
    size_t at = r->at;
    char quote = r->text[at];
    const char *end = strchr(r->text + at + 1, quote);
    if (!end) {
        lm_expression_fail(r->stop, at, "the string is never closed");
        return -1;
    }
    if (r->e->n_nodes == LM_EXPRESSION_MOST_NODES)
        return add_node(r, (lm_expression_node){.at = at});
    const char *copy = keep_string(r, r->text + at + 1, (size_t)(end - r->text) - at - 1);
    if (!copy) return -1;
    r->at = (size_t)(end - r->text) + 1;
    skip_blanks(r);
    return add_node(r, (lm_expression_node){.op = LM_OP_LITERAL,
                                            .at = at,
                                            .value = {.kind = LM_VALUE_STRING, .text = copy}});
}

static int read_boolean(reader *r, size_t at, bool x) {
    return add_node(r, (lm_expression_node){.op = LM_OP_LITERAL,
                                            .at = at,
                                            .value = {.kind = LM_VALUE_BOOLEAN, .number = x}});
}

/* A key of the config: the names of an expression are few. */
static int read_key(reader *r, size_t at, size_t n) {
    lm_expression *e = r->e;
    int i = 0;
    while (i < e->n_names &&
           (strncmp(e->names[i].name, r->text + at, n) != 0 || e->names[i].name[n]))
        i++;
    if (e->n_nodes == LM_EXPRESSION_MOST_NODES) return add_node(r, (lm_expression_node){.at = at});
    if (i == e->n_names) {
        const char *name = keep_string(r, r->text + at, n);
        if (!name) return -1;
        e->names[e->n_names++] = (lm_expression_name){.name = name, .at = at};
    }
    return add_node(r, (lm_expression_node){.op = LM_OP_NAME, .at = at, .name = i});
}

/* ---- functions --------------------------------------------------------------------------------*/

static const struct function {
    const char *name;
    lm_operation op;
    int least, most; /* arguments */
} functions[] = {
    {"sqrt", LM_OP_SQRT, 1, 1},   {"exp", LM_OP_EXP, 1, 1},     {"log", LM_OP_LOG, 1, 1},
    {"log2", LM_OP_LOG2, 1, 1},   {"floor", LM_OP_FLOOR, 1, 1}, {"ceil", LM_OP_CEIL, 1, 1},
    {"round", LM_OP_ROUND, 1, 1}, {"abs", LM_OP_ABS, 1, 1},     {"pow", LM_OP_POWER, 2, 2},
    {"min", LM_OP_MIN, 1, 100},   {"max", LM_OP_MAX, 1, 100},   {"if", LM_OP_IF, 3, 3},
};

static const struct function *find_function(const char *name, size_t n) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == n && strncmp(functions[i].name, name, n) == 0)
            return &functions[i];
    return NULL;
}

/* Behind the opening bracket. */
static int read_call(reader *r, const struct function *f, size_t at) {
    int operands[3] = {-1, -1, -1}, count = 0, node = -1;
    do {
        int argument = read_or(r);
        if (argument < 0) return -1;
        bool folds = f->op == LM_OP_MIN || f->op == LM_OP_MAX;
        if (folds)
            node = count == 0 ? argument : add_operation(r, f->op, at, node, argument, -1);
        else if (count < 3)
            operands[count] = argument;
        if (folds && node < 0) return -1;
        count++;
    } while (take(r, ","));
    if (!take(r, ")")) return expected(r, "\",\" or \")\"");
    if (count < f->least || count > f->most) {
        lm_expression_fail(r->stop, at, "%s takes %d argument%s, found %d", f->name, f->least,
                           f->least == 1 ? "" : "s", count);
        return -1;
    }
    if (node >= 0) return node;
    return add_operation(r, f->op, at, operands[0], operands[1], operands[2]);
}

static int read_word(reader *r) {
    size_t at = r->at, n = 0;
    while (is_name_character(r->text[at + n])) n++;
    if (take(r, "true")) return read_boolean(r, at, true);
    if (take(r, "false")) return read_boolean(r, at, false);
    r->at += n;
    skip_blanks(r);
    if (r->text[r->at] != '(') return read_key(r, at, n);
    const struct function *f = find_function(r->text + at, n);
    if (!f) {
        lm_expression_fail(r->stop, at,
                           "there is no function \"%.*s\"; there are sqrt, exp, log, log2, floor,"
                           " ceil, round, abs, pow, min, max, if",
                           (int)(n < 40 ? n : 40), r->text + at);
        return -1;
    }
    take(r, "(");
    return read_call(r, f, at);
}

static int read_primary(reader *r) {
    char c = r->text[r->at];
    if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)r->text[r->at + 1])))
        return read_number(r);
    if (c == '\'' || c == '"') return read_string(r);
    if (isalpha((unsigned char)c) || c == '_') return read_word(r);
    if (!take(r, "(")) return expected(r, "a value");
    int node = read_or(r);
    if (node < 0) return -1;
    return take(r, ")") ? node : expected(r, "an operator or \")\"");
}

/* ---- operators --------------------------------------------------------------------------------*/

/* One more bracket, sign or power: the depth of what calls itself. */
static bool deeper(reader *r) {
    if (++r->depth <= LM_EXPRESSION_DEPTH) return true;
    return lm_expression_fail(r->stop, r->at, "the expression is nested more than %d deep",
                              LM_EXPRESSION_DEPTH);
}

static int read_sign(reader *r);

static int read_power(reader *r) {
    int a = read_primary(r);
    size_t at = r->at;
    if (a < 0 || !take(r, "^")) return a;
    int b = read_sign(r);
    return b < 0 ? -1 : add_operation(r, LM_OP_POWER, at, a, b, -1);
}

static int read_sign(reader *r) {
    size_t at = r->at;
    if (!deeper(r)) return -1;
    bool negative = take(r, "-");
    if (!negative) take(r, "+");
    int a = r->at > at ? read_sign(r) : read_power(r);
    r->depth--;
    return a < 0 || !negative ? a : add_operation(r, LM_OP_NEGATE, at, a, -1, -1);
}

typedef struct spelling {
    const char *symbol;
    lm_operation op;
} spelling;

/* One level of operators that group from the left; NULL ends their spellings. */
static int read_left(reader *r, const spelling *spellings, int (*next)(reader *r), bool chained) {
    int a = next(r);
    for (bool any = false; a >= 0; any = true) {
        const spelling *s = spellings;
        size_t at = r->at;
        while (s->symbol && !take(r, s->symbol)) s++;
        if (!s->symbol) return a;
        if (any && !chained) {
            lm_expression_fail(r->stop, at, "comparisons cannot be chained: use \"and\"");
            return -1;
        }
        int b = next(r);
        a = b < 0 ? -1 : add_operation(r, s->op, at, a, b, -1);
    }
    return -1;
}

static int read_product(reader *r) {
    static const spelling spellings[] = {
        {"*", LM_OP_MULTIPLY}, {"/", LM_OP_DIVIDE}, {"%", LM_OP_REMAINDER}, {NULL, 0}};
    return read_left(r, spellings, read_sign, true);
}

static int read_sum(reader *r) {
    static const spelling spellings[] = {{"+", LM_OP_ADD}, {"-", LM_OP_SUBTRACT}, {NULL, 0}};
    return read_left(r, spellings, read_product, true);
}

static int read_comparison(reader *r) {
    static const spelling spellings[] = {{"==", LM_OP_EQUAL},
                                         {"!=", LM_OP_UNEQUAL},
                                         {"<=", LM_OP_AT_MOST},
                                         {"<", LM_OP_LESS},
                                         {">=", LM_OP_AT_LEAST},
                                         {">", LM_OP_GREATER},
                                         {NULL, 0}};
    return read_left(r, spellings, read_sum, false);
}

static int read_not(reader *r) {
    size_t at = r->at;
    bool symbol = r->text[at] == '!' && r->text[at + 1] != '=';
    if (!(symbol && take(r, "!")) && !take(r, "not")) return read_comparison(r);
    if (!deeper(r)) return -1;
    int a = read_not(r);
    r->depth--;
    return a < 0 ? -1 : add_operation(r, LM_OP_NOT, at, a, -1, -1);
}

static int read_and(reader *r) {
    static const spelling spellings[] = {{"and", LM_OP_AND}, {"&&", LM_OP_AND}, {NULL, 0}};
    return read_left(r, spellings, read_not, true);
}

static int read_or(reader *r) {
    static const spelling spellings[] = {{"or", LM_OP_OR}, {"||", LM_OP_OR}, {NULL, 0}};
    return read_left(r, spellings, read_and, true);
}

/* ---- the whole --------------------------------------------------------------------------------*/

bool lm_expression_parse(lm_expression **e, const char *text, lm_expression_stop *stop) {
    lm_expression *new = calloc(1, sizeof *new);
    reader r = {.e = new, .text = text, .stop = stop};
    *stop = (lm_expression_stop){0};
    *e = NULL;
    if (new) {
        new->text = strdup(text);
        new->nodes = calloc(LM_EXPRESSION_MOST_NODES, sizeof *new->nodes);
        new->names = calloc(LM_EXPRESSION_MOST_NODES, sizeof *new->names);
        new->strings = calloc(LM_EXPRESSION_MOST_NODES, sizeof *new->strings);
    }
    if (!new || !new->text || !new->nodes || !new->names || !new->strings) {
        no_memory(&r);
        goto fail;
    }
    skip_blanks(&r);
    new->root = read_or(&r);
    if (new->root >= 0 && !text[r.at]) {
        *e = new;
        return true;
    }
    if (new->root >= 0) expected(&r, "an operator or the end");
fail:
    lm_expression_free(new);
    return false;
}

void lm_expression_free(lm_expression *e) {
    if (!e) return;
    for (int i = 0; i < e->n_strings; i++) free(e->strings[i]);
    free(e->strings);
    free(e->names);
    free(e->nodes);
    free(e->text);
    free(e);
}
