/* Sending by MPI: the only file that knows it. Everything is point to point and never blocks inside
 * of MPI, so that a rank which waits gives its CPU to others, and can tell which one is silent. */
#include <inttypes.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "comm/launch.h"
#include "comm/parts.h"

/* Longer data goes as several messages: MPI counts in int. */
#define MESSAGE_MOST ((size_t)1 << 28)

struct lm_comm_batch {
    lm_comm *comm;
    MPI_Request *requests;
    int *peers; /* ~rank of one that receives from us */
    int count, room;
    int channel; /* the tag of its messages */
    bool failed;
    char why[MPI_MAX_ERROR_STRING];
};

static bool initialised, met;

const char *lm_comm_library(char *text, size_t size) {
    static const char mpich[] = "MPICH Version:";
    char whole[MPI_MAX_LIBRARY_VERSION_STRING];
    int n = 0;
    MPI_Get_library_version(whole, &n);
    whole[strcspn(whole, ",\n")] = '\0';
    if (strncmp(whole, mpich, sizeof mpich - 1) == 0) {
        const char *version = whole + sizeof mpich - 1;
        snprintf(text, size, "MPICH %s", version + strspn(version, " \t"));
    } else {
        snprintf(text, size, "%s", whole);
    }
    return text;
}

/* ---- beginning and end ------------------------------------------------------------------------*/

/* CPUs that this thread may use when it asks for all, which is what a launcher's binding keeps it
 * from and what control groups allow; of a job of Slurm, at most those that the job has here. */
static int count_reachable(const cpu_set_t *bound) {
    const char *job = getenv("SLURM_CPUS_ON_NODE");
    int count = CPU_COUNT(bound), most = job ? atoi(job) : 0;
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    if (sched_setaffinity(0, sizeof all, &all) != 0) return count;
    if (sched_getaffinity(0, sizeof all, &all) == 0) count = CPU_COUNT(&all);
    (void)sched_setaffinity(0, sizeof *bound, bound);
    return most > 0 && most < count ? most : count;
}

static lm_comm_card make_card(void) {
    lm_comm_card card = {0};
    cpu_set_t cpus;
    if (gethostname(card.host, sizeof card.host - 1) != 0) strcpy(card.host, "?");
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return card;
    card.cpus = lm_digest_of(&cpus, sizeof cpus);
    for (size_t i = 0; i < LM_COMM_CPUS; i++)
        if (CPU_ISSET(i, &cpus)) card.bits[i / 64] |= (uint64_t)1 << i % 64;
    card.reachable = count_reachable(&cpus);
    return card;
}

lm_status lm_comm_open(lm_comm **comm, lm_error *err) {
    int level = 0, size = 1, rank = 0;
    lm_comm_card card = make_card();
    *comm = NULL;
    /* Alone, MPI is not even begun: that would take a third of a second. */
    if (!lm_launch_by_mpi()) return LM_OK;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
        return lm_error_set(err, LM_ERR_RUNTIME, "MPI cannot be initialised");
    initialised = true;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    met = size > 1;
    if (!met) return LM_OK;
    if (level < MPI_THREAD_FUNNELED)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "this MPI does not allow threads: expected MPI_THREAD_FUNNELED");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    lm_comm *c = calloc(1, sizeof *c);
    if (!c) return lm_error_no_memory(err, NULL);
    c->rank = rank;
    c->size = size;
    c->cards = calloc((size_t)size, sizeof *c->cards);
    c->heard = calloc((size_t)size, sizeof *c->heard);
    c->own = lm_comm_batch_create(c, LM_COMM_MAIN);
    if (!c->cards || !c->heard || !c->own) {
        free(c->cards);
        free(c->heard);
        free(c);
        return lm_error_no_memory(err, NULL);
    }
    c->cards[rank] = card;
    *comm = c;
    return lm_comm_all_equal(c, c->cards, sizeof *c->cards, err);
}

bool lm_comm_met(void) {
    return met;
}

void lm_comm_end(void) {
    int over = 0;
    if (!initialised) return;
    MPI_Finalized(&over);
    if (!over) MPI_Finalize();
    initialised = false;
}

void lm_comm_abort(int code) {
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

/* ---- messages ---------------------------------------------------------------------------------*/

lm_comm_batch *lm_comm_batch_create(lm_comm *c, int channel) {
    lm_comm_batch *b = calloc(1, sizeof *b);
    if (b) *b = (lm_comm_batch){.comm = c, .channel = channel};
    return b;
}

void lm_comm_batch_free(lm_comm_batch *b) {
    if (!b) return;
    free(b->requests);
    free(b->peers);
    free(b);
}

static void fail(lm_comm_batch *b, int code) {
    int n = 0;
    if (code == MPI_SUCCESS || b->failed) return;
    b->failed = true;
    MPI_Error_string(code, b->why, &n);
}

static bool make_room(lm_comm_batch *b) {
    if (b->count < b->room) return true;
    int room = b->room ? 2 * b->room : 64;
    MPI_Request *requests = realloc(b->requests, (size_t)room * sizeof *requests);
    if (requests) b->requests = requests;
    int *peers = realloc(b->peers, (size_t)room * sizeof *peers);
    if (peers) b->peers = peers;
    if (!requests || !peers) {
        b->failed = true;
        strcpy(b->why, "out of memory");
        return false;
    }
    b->room = room;
    return true;
}

void lm_comm_send(lm_comm_batch *b, int to, const void *data, size_t size) {
    for (size_t done = 0, n; done < size; done += n) {
        n = size - done < MESSAGE_MOST ? size - done : MESSAGE_MOST;
        if (!make_room(b)) return;
        fail(b, MPI_Isend((const char *)data + done, (int)n, MPI_BYTE, to, b->channel,
                          MPI_COMM_WORLD, &b->requests[b->count]));
        b->peers[b->count++] = ~to;
    }
}

void lm_comm_receive(lm_comm_batch *b, int from, void *data, size_t size) {
    for (size_t done = 0, n; done < size; done += n) {
        n = size - done < MESSAGE_MOST ? size - done : MESSAGE_MOST;
        if (!make_room(b)) return;
        fail(b, MPI_Irecv((char *)data + done, (int)n, MPI_BYTE, from, b->channel, MPI_COMM_WORLD,
                          &b->requests[b->count]));
        b->peers[b->count++] = from;
    }
}

/* MPICH's MPI_STATUSES_IGNORE is the address 1, which GCC takes for an array without room. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
bool lm_comm_test(lm_comm_batch *b) {
    int done = 1;
    if (b->count > 0 && !b->failed)
        fail(b, MPI_Testall(b->count, b->requests, &done, MPI_STATUSES_IGNORE));
    return done || b->failed;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* ---- waiting ----------------------------------------------------------------------------------*/

/* Those that have said they are alive. */
static void listen(lm_comm *c, double now) {
    for (;;) {
        int found = 0;
        MPI_Status from;
        if (MPI_Iprobe(MPI_ANY_SOURCE, LM_COMM_ALIVE, MPI_COMM_WORLD, &found, &from) !=
                MPI_SUCCESS ||
            !found)
            return;
        MPI_Recv(NULL, 0, MPI_BYTE, from.MPI_SOURCE, LM_COMM_ALIVE, MPI_COMM_WORLD, &from);
        c->heard[from.MPI_SOURCE] = now;
    }
}

/* Messages without contents, which nobody waits for. */
static void tell(lm_comm *c, double now) {
    c->told = now;
    for (int r = 0; r < c->size; r++) {
        MPI_Request request;
        if (r == c->rank) continue;
        if (MPI_Isend(NULL, 0, MPI_BYTE, r, LM_COMM_ALIVE, MPI_COMM_WORLD, &request) == MPI_SUCCESS)
            MPI_Request_free(&request);
    }
    listen(c, now);
}

void lm_comm_alive(lm_comm *c) {
    if (!c || c->timeout <= 0) return;
    double now = lm_clock_seconds();
    if (now - c->told > c->timeout / 4) tell(c, now);
}

/* How many messages are not done; *rank is that of one of them, of those that were not heard of for
 * longest. */
static int count_open(lm_comm_batch *b, int *rank) {
    const double *heard = b->comm->heard;
    int n = 0;
    for (int i = 0; i < b->count; i++) {
        int done = 1;
        if (b->requests[i] != MPI_REQUEST_NULL)
            fail(b, MPI_Test(&b->requests[i], &done, MPI_STATUS_IGNORE));
        if (done) continue;
        int peer = b->peers[i] >= 0 ? b->peers[i] : ~b->peers[i];
        if (n++ == 0 || heard[peer] < heard[*rank]) *rank = peer;
    }
    return n;
}

static lm_status is_silent(const lm_comm_batch *b, int rank, lm_error *err) {
    const lm_comm *c = b->comm;
    lm_error_set(err, LM_ERR_RUNTIME, "rank %d on %s has been silent for %g s (dist.timeout)", rank,
                 lm_comm_host(c, rank), c->timeout);
    err->exit_code = c->exit_code;
    return err->code;
}

static lm_status has_failed(const lm_comm_batch *b, lm_error *err) {
    lm_error_set(err, LM_ERR_RUNTIME, "MPI: %s", b->why);
    err->exit_code = b->comm->exit_code;
    return err->code;
}

/* After spinning for about as long as a short message takes, the CPU is left to others, who may be
 * what is waited for; a long wait sleeps. */
static void rest(double waited) {
    const struct timespec pause = {.tv_nsec = 50000};
    if (waited > 0.005)
        nanosleep(&pause, NULL);
    else
        sched_yield();
}

/* Who waits is alive too, for long enough that the rank that is waited for is blamed first, by
 * those who wait for it and not for each other. */
lm_status lm_comm_wait(lm_comm_batch *b, lm_error *err) {
    enum { SPINS = 100, FOREVER = 3 };
    const double timeout = b->comm->timeout;
    double began = 0, looked = 0, heard;
    int open = b->count, rank = 0;
    lm_status status = LM_OK;
    for (int64_t i = 0; !lm_comm_test(b); i++) {
        if (b->comm->turn) b->comm->turn(b->comm->turn_argument);
        if (i < SPINS) continue;
        double now = lm_clock_seconds();
        if (began == 0) began = looked = now;
        if (timeout > 0 && now - looked > timeout / 8) {
            listen(b->comm, now);
            if (now - began < FOREVER * timeout) lm_comm_alive(b->comm);
            int left = count_open(b, &rank);
            looked = now;
            if (left < open) began = now;
            open = left;
            heard = b->comm->heard[rank] > began ? b->comm->heard[rank] : began;
            if (open > 0 && now - heard > timeout) {
                status = is_silent(b, rank, err);
                break;
            }
        }
        rest(now - began);
    }
    if (status == LM_OK && b->failed) status = has_failed(b, err);
    b->count = 0;
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------*/

void lm_comm_settle(lm_comm *c) {
    lm_error aside;
    unsigned char *marks = calloc((size_t)c->size, 1);
    c->timeout = 0; /* who waits here says nothing */
    if (marks && lm_comm_all_equal(c, marks, 1, &aside) == LM_OK) listen(c, lm_clock_seconds());
    free(marks);
}
