/* step_address.c - IP addresses as lines have them */
#include <arpa/inet.h>

#include "step_impl.h"

/* 1.2.3.4:80 and [2001:db8::1]:80 lose what is not the address. */
static void
trim(const char **p, size_t *len)
{
	const char *end;

	if (*len && **p == '[') {
		end = memchr(*p, ']', *len);
		if (end) {
			++*p;
			*len = end - *p;
		}
		return;
	}
	end = memchr(*p, ':', *len);
	if (end && !memchr(end + 1, ':', *len - (end + 1 - *p)))
		*len = end - *p;
	end = memchr(*p, '%', *len);		/* fe80::1%eth0 */
	if (end)
		*len = end - *p;
}

bool
step_address(const char *p, size_t len, struct address *out)
{
	char text[INET6_ADDRSTRLEN];

	trim(&p, &len);
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = '\0';
	*out = (struct address){ .len = 4 };
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->len = 16;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

socklen_t
step_sockaddr(const struct address *a, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (a->len == 4) {
		four->sin_family = AF_INET;
		memcpy(&four->sin_addr, a->bytes, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	memcpy(&six->sin6_addr, a->bytes, 16);
	return sizeof(*six);
}
