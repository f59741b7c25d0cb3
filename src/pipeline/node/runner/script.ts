/** The part of the runner that starts a script and listens to it. Perl; `../runner.ts` says what the files are. */
export const SCRIPT = String.raw`# The journal files and the step's own files: a ustar archive on stdin, as muster makes it. "index" says where the step's
# own go, whose names are numbers.
sub unpack_files { # JOURNAL ARCHIVE
  my ($where, $archive) = @_;
  if (-d "$where/files") {
    system 'rm', '-rf', "$where/files";
    forget_secrets($where);
  }
  make_folder("$where/files");
  my (%found, $at);
  for ($at = 0; $at + 512 <= length $archive; $at += 512) {
    my ($name, $size) = unpack "x$at Z100 x24 Z12", $archive;
    last if $name eq '';
    $found{$name} = substr $archive, $at + 512, oct $size;
    $at += int((oct($size) + 511) / 512) * 512;
  }
  stop(94, 'the archive of the step is cut off') unless exists $found{script} && $at + 1024 <= length $archive;
  for (split /\n/, delete $found{index}) {
    my ($number, $mode, $path) = split /\t/, $_, 3;
    $path = "$where/files/$path" unless $path =~ m{^/};
    make_folder($path =~ m{^(.+)/});
    write_file("$path.muster-new", delete $found{$number}, oct $mode);
    rename "$path.muster-new", $path or die "cannot write $path: $!\n";
  }
  write_file("$where/$_", $found{$_}, $_ eq 'script' ? 0700 : 0600) for keys %found;
}

sub run_script { # JOURNAL PIPE: starts it, in a session of its own; gives its process
  my ($where, $to) = @_;
  my $child = fork;
  die "cannot start a process: $!\n" unless defined $child;
  return $child if $child;
  open STDIN, '<', '/dev/null';
  open STDOUT, '>&', $to;
  open STDERR, '>&', $to;
  for (split /\0/, contents("$where/env")) {
    my ($kind, $name, $value) = /^(.)([^=]*)=(.*)/s;
    $ENV{$name} = $kind eq '/' ? "$where/$value" : $value;
  }
  @ENV{qw(MUSTER_INPUT MUSTER_OUTPUT MUSTER_STEP_DIR MUSTER_EXECUTION)} =
    ("$where/input.json", "$where/output", $where, $execution);
  $ENV{PATH} = "$root/bin:$ENV{PATH}";
  umask 022;
  chdir "$where/files" or exit 94;
  my @command = contents("$where/script", 0, 2) eq '#!' ? "$where/script" : ('sh', "$where/script");
  if ($setsid) { syscall $setsid } else { unshift @command, 'setsid' }
  { exec { $command[0] } @command }
  my $is_missing = $! == 2;
  print STDERR "cannot run $command[0]: $!\n";
  exit($is_missing ? 127 : 126);
}

# An ear is a script's output: { pipe, take }, where take is given what is heard. Its pipe is undef when all is heard.
sub hear { # EAR SECONDS: waits so long for something; true if it came
  my ($ear, $seconds) = @_;
  my $ready = '';
  vec($ready, fileno $ear->{pipe}, 1) = 1 if $ear->{pipe};
  return 0 if select($ready, undef, undef, $seconds) <= 0;
  my $count = sysread $ear->{pipe}, my $chunk, 65536;
  return 0 unless defined $count;
  if ($count == 0) { $ear->{pipe} = undef } else { $ear->{take}->($chunk) }
  return $count > 0;
}

sub uptime { (split ' ', contents('/proc/uptime'))[0] } # seconds

sub hear_for { # EAR SECONDS
  my ($ear, $seconds) = @_;
  my $until = uptime() + $seconds;
  while ((my $left = $until - uptime()) > 0) { hear($ear, $left) }
}

sub exit_code { $? & 127 ? 128 + ($? & 127) : $? >> 8 } # of what was waited for last, as a shell tells it

# Orphans of what runs become children of this process (prctl(2), PR_SET_CHILD_SUBREAPER): without a child it has no
# descendant, and need not look through all processes for one.
sub adopt_orphans { syscall $prctl, 36, 1, 0, 0, 0 if $prctl }

sub until_end { # CHILD EAR [SECONDS]: hears it until it has ended, or its time is over; its exit code
  my ($child, $ear, $seconds) = @_;
  my $until = defined $seconds ? uptime() + $seconds : undef;
  # Wakes the wait below. One that comes just before it costs a quarter of a second.
  local $SIG{CHLD} = sub { };
  for (;;) {
    my $pid = waitpid -1, 1;
    return exit_code() if $pid == $child;
    next if $pid > 0;
    kill 'KILL', in_session($child) if defined $until && uptime() > $until;
    hear($ear, 0.25);
  }
}

sub is_anything_left { # of what this process started
  my $pid;
  do { $pid = waitpid -1, 1 } while $pid > 0;
  return !$prctl || $pid == 0;
}

sub end_session { # SESSION EAR: of a script that has ended; TERM, up to five seconds, KILL. Says which processes it were.
  my ($session, $ear) = @_;
  my @here = is_anything_left() ? in_session($session) : ();
  my $names = join ' ', grep defined, map line_of("/proc/$_/comm"), @here;
  kill 'TERM', @here unless -f "$dir/cancelled";
  for (my $tenths = 0; @here && $tenths < 100; $tenths++) {
    kill 'KILL', @here if $tenths >= 50 || -f "$dir/cancelled";
    hear_for($ear, 0.1);
    @here = is_anything_left() ? in_session($session) : ();
  }
  return $names;
}

sub hear_rest { # EAR: what is in the pipe; a daemon may keep it open for ever
  my ($ear) = @_;
  my $until = uptime() + 2;
  while (hear($ear, 0)) { last if uptime() > $until }
}
`;
