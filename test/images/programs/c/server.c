/* The static C program of the test images: it answers "hello" on port 8080 and
 * ends on SIGTERM, which a PID 1 has to ask for. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n";
  struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = htons(8080)};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&all, sizeof all) || listen(listener, 16)) {
    perror("server");
    return 1;
  }
  for (;;) {
    char request[4096];
    int client = accept(listener, NULL, NULL);
    if (client < 0)
      continue;
    if (read(client, request, sizeof request) > 0 && write(client, answer, strlen(answer)) < 0)
      perror("server");
    close(client);
  }
}
