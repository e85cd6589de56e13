/* command.c - what the commands of weft-pipeline share; see command.h */
#include "command.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "weft/weft.h"

const char *command_name = "";

static int
write_all(int fd, struct buf *b)
{
	size_t done = 0;
	bool all;

	while (done < b->len) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	all = done == b->len;
	buf_finish(b);
	return !all;
}

void
command_say(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	buf_printf(&b, "weft-pipeline%s%s: ", *command_name ? " " : "", command_name);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	buf_addc(&b, '\n');
	write_all(STDERR_FILENO, &b);
}

int
command_misuse(const char *what, const char *arg)
{
	command_say("%s '%s'; see weft-pipeline%s%s --help", what, arg, *command_name ? " " : "",
	    command_name);
	return 2;
}

int
command_print(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return write_all(STDOUT_FILENO, &b);
}

int
command_bad_option(int c, char **argv)
{
	return command_misuse(c == ':' ? "a value is missing after" : "there is no option",
	    argv[optind - 1]);
}

bool
command_number(const char *text, uint64_t min, uint64_t max, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *n >= min && *n <= max;
}

int
command_choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}
