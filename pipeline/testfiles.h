/* testfiles.h - small files in the running test's temporary directory */
#ifndef WEFT_PIPELINE_TESTFILES_H
#define WEFT_PIPELINE_TESTFILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weft/testing.h"

static inline const char *
path_of(char out[512], const char *name)
{
	snprintf(out, 512, "%s/%s", weft_tempdir(), name);
	return out;
}

static inline void
write_file(const char *name, const char *text, size_t len)
{
	char path[512];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, len), len);
	close(fd);
}

static inline char *
read_file(const char *name, size_t *len)
{
	char path[512], *text;
	int fd = open(path_of(path, name), O_RDONLY);

	REQUIRE(fd >= 0);
	*len = lseek(fd, 0, SEEK_END);
	text = malloc(*len + 1);
	CHECK_EQ(pread(fd, text, *len, 0), *len);
	text[*len] = '\0';
	close(fd);
	return text;
}

static inline void
check_file(const char *name, const char *want)
{
	size_t len;
	char *text = read_file(name, &len);

	CHECK_STR(text, want);
	free(text);
}

#endif
