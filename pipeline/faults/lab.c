/*
 * lab.c - the program in a directory of its own
 *
 * Its standard error is added to the file "said".  Whatever becomes of the test, the process
 * is ended with it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "weft/net.h"

extern char **environ;

static void
find_program(struct lab *l)
{
	const char *given = getenv("FAULTS_PROGRAM");
	ssize_t n = readlink("/proc/self/exe", l->program, sizeof(l->program) - 20);

	REQUIRE(n > 0);
	l->program[n] = '\0';
	strcpy(strrchr(l->program, '/'), "/weft-pipeline");
	if (given)
		REQUIRE(realpath(given, l->program));
	if (access(l->program, X_OK) < 0)
		weft_skip("the program is not built");
}

static void
end(void *arg)
{
	struct lab *l = arg;

	if (l->pid) {
		kill(l->pid, SIGKILL);
		kill(l->pid, SIGCONT);
		weft_enter_blocking();
		waitpid(l->pid, NULL, 0);
		weft_leave_blocking();
	}
	while (l->nloads > 0)
		load_free(l->loads[--l->nloads]);
	lab_clear_env(l);
	for (struct map_entry *e = NULL; (e = map_next(&l->paths, e)); )
		free(e->value);
	map_finish(&l->paths);
	free(l);
}

struct lab *
lab_new(void)
{
	struct lab *l = calloc(1, sizeof(*l));
	const char *seed = getenv("FAULTS_SEED");
	struct timespec now;

	weft_cleanup(end, l);
	find_program(l);
	clock_gettime(CLOCK_REALTIME, &now);
	l->seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)now.tv_nsec %
	    1000000000;
	l->state = l->seed * 2654435761 + 88172645463325252;
	snprintf(l->dir, sizeof(l->dir), "%s", weft_tempdir());
	weft_logf("FAULTS_SEED=%llu", (unsigned long long)l->seed);
	return l;
}

uint64_t
dice(struct lab *l, uint64_t sides)
{
	l->state ^= l->state << 13;
	l->state ^= l->state >> 7;
	l->state ^= l->state << 17;
	return l->state % sides;
}

void
lab_sleep(struct lab *l, int64_t most)
{
	weft_sleep(dice(l, most));
}

const char *
lab_path(struct lab *l, const char *name)
{
	size_t len = strlen(name), size = strlen(l->dir) + len + 2;
	struct map_entry *e;

	weft_mutex_lock(&l->lock);
	e = map_insert(&l->paths, name, len, map_hash(name, len), NULL);
	if (!e->value) {
		e->value = malloc(size);
		snprintf(e->value, size, "%s/%s", l->dir, name);
	}
	weft_mutex_unlock(&l->lock);
	return e->value;
}

/* As an editor does: the old one, or the new one. */
void
lab_config(struct lab *l, const char *fmt, ...)
{
	const char *new = lab_path(l, "conf.new");
	FILE *f = fopen(new, "w");
	va_list ap;

	REQUIRE(f != NULL);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	REQUIRE(fclose(f) == 0);
	REQUIRE(rename(new, lab_path(l, "conf.yaml")) == 0);
}

void
lab_env(struct lab *l, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	REQUIRE(l->nenv < MORE_ENV);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	l->env[l->nenv++] = strdup(buf_str(&b));
	buf_finish(&b);
}

void
lab_clear_env(struct lab *l)
{
	while (l->nenv > 0)
		free(l->env[--l->nenv]);
}

void
lab_preload(struct lab *l)
{
	char path[500];
	const char *asan = getenv("ASAN_OPTIONS");

	snprintf(path, sizeof(path), "%s", l->program);
	strcpy(strrchr(path, '/'), "/inject.so");
	if (access(path, R_OK) < 0)
		weft_skip("inject.so is not built");
	lab_env(l, "LD_PRELOAD=%s", path);
	lab_env(l, "ASAN_OPTIONS=verify_asan_link_order=0:%s", asan ? asan : "");
}

static void
become(struct lab *l, const char *conf, const char *said, char **env)
{
	char *words[] = { l->program, "run", "-q", "-c", (char *)conf, NULL };
	int in = open("/dev/null", O_RDONLY);
	int out = open(said, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (chdir(l->dir) < 0)
		_exit(127);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	execve(l->program, words, env);
	_exit(127);
}

void
lab_start(struct lab *l)
{
	const char *said = lab_path(l, "said"), *conf = lab_path(l, "conf.yaml");
	char **env;
	int n = 0;

	REQUIRE(l->pid == 0);
	while (environ[n])
		n++;
	env = calloc(n + l->nenv + 1, sizeof(*env));
	memcpy(env, l->env, l->nenv * sizeof(*env));	/* of two of a name the first one counts */
	memcpy(env + l->nenv, environ, n * sizeof(*env));
	weft_enter_blocking();
	l->pid = fork();
	if (l->pid == 0)
		become(l, conf, said, env);
	weft_leave_blocking();
	free(env);
	REQUIRE(l->pid > 0);
	l->starts++;
}

bool
lab_ended(struct lab *l, int *status)
{
	int s;

	if (waitpid(l->pid, &s, WNOHANG) != l->pid)
		return false;
	l->pid = 0;
	*status = WIFEXITED(s) ? WEXITSTATUS(s) : -WTERMSIG(s);
	return true;
}

/* What it was doing is worth more than that it hung. */
static void
dump(struct lab *l)
{
	weft_logf("process %d hangs; its goroutines are in %s", (int)l->pid,
	    lab_path(l, "said"));
	kill(l->pid, SIGQUIT);
	weft_sleep(WEFT_SECOND);
}

int
lab_wait(struct lab *l)
{
	int64_t until = weft_now() + LIMIT;
	int status;

	while (!lab_ended(l, &status)) {
		if (weft_now() > until) {
			dump(l);
			lab_kill(l);
			CHECK(!"it ends in time");
			return -SIGKILL;
		}
		weft_sleep(2 * WEFT_MS);
	}
	return status;
}

void
lab_signal(struct lab *l, int sig)
{
	REQUIRE(l->pid > 0);
	kill(l->pid, sig);
}

void
lab_kill(struct lab *l)
{
	if (!l->pid)
		return;
	kill(l->pid, SIGKILL);
	weft_enter_blocking();
	waitpid(l->pid, NULL, 0);
	weft_leave_blocking();
	l->pid = 0;
}

static char *
said(struct lab *l)
{
	FILE *f = fopen(lab_path(l, "said"), "r");
	char *text = calloc(1, 1 << 20);
	size_t n = 0;

	if (f) {
		n = fread(text, 1, (1 << 20) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

uint64_t
lab_said_times(struct lab *l, const char *what)
{
	char *text = said(l);
	uint64_t n = 0;

	for (char *at = text; (at = strstr(at, what)); at++)
		n++;
	free(text);
	return n;
}

bool
lab_said(struct lab *l, const char *text)
{
	return lab_said_times(l, text) > 0;
}

void
lab_await_said(struct lab *l, const char *what, uint64_t times)
{
	int64_t until = weft_now() + LIMIT;
	char *text;

	while (lab_said_times(l, what) < times) {
		if (weft_now() > until) {
			text = said(l);
			weft_logf("not said %llu times: %s\n%s", (unsigned long long)times, what,
			    text);
			free(text);
			REQUIRE(!"it says so in time");
		}
		weft_sleep(5 * WEFT_MS);
	}
}

/* Before that, a signal would just end it. */
static bool
catches(struct lab *l, int sig)
{
	char path[40], line[200];
	unsigned long long caught = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)l->pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "SigCgt: %llx", &caught);
	if (f)
		fclose(f);
	return caught >> (sig - 1) & 1;
}

void
lab_await_up(struct lab *l)
{
	int64_t until = weft_now() + LIMIT;

	while (!catches(l, SIGTERM) && weft_now() < until)
		weft_sleep(2 * WEFT_MS);
}

void
lab_stop(struct lab *l)
{
	char *text;

	lab_await_up(l);
	lab_signal(l, SIGTERM);
	if (CHECK_EQ(lab_wait(l), 0))
		return;
	text = said(l);
	weft_logf("it said: %.8000s", text);
	free(text);
}
