/** The end of the runner: what a server may ask of it. Perl; `../runner.ts` says what the files are. */
export const OPERATIONS = String.raw`sub answer { # OFFSET: of the log; the log is left out without it
  my ($offset) = @_;
  my $state = state_now();
  my @said = ("state $state", 'try ' . recall('try', 0), "boot $boot", 'exit ' . recall('exit', ''));
  push @said, map "$_ yes", grep -f "$dir/$_", qw(cancelled reboot unchanged);
  push @said, map "$_->[0] $_->[1]", grep defined $_->[1],
    ['progress', recall('progress')], ['beyond', recall('log.beyond')];
  push @said, 'output ' . base64(contents("$dir/output", 0, 1048577)) if -s "$dir/output";
  my $size = -s "$dir/log";
  if ($size) {
    push @said, 'last ' . base64(contents("$dir/log", $size > 400 ? $size - 400 : 0, 400)) if $state eq 'finished';
    push @said, "size $size", 'log ' . base64(contents("$dir/log", $offset, 262144)) if defined $offset;
  }
  print map "$_\n", @said;
}

sub beside { # WORK: done by another process, which outlives this one and its session
  my ($work) = @_;
  my $child = fork;
  die "cannot start a process: $!\n" unless defined $child;
  return if $child;
  close $lock;
  $SIG{HUP} = 'IGNORE';
  syscall $setsid if $setsid;
  chdir '/';
  open STDIN, '<', '/dev/null';
  open STDOUT, '>', '/dev/null';
  open STDERR, '>', '/dev/null';
  $work->();
  exit 0;
}

sub supervise { # TRY LOG_BYTES: runs the script to its end; gives its ear
  my ($try, $log_bytes) = @_;
  adopt_orphans();
  open my $log, '>>', "$dir/log" or die "cannot write the log: $!\n";
  my $write = sub { syswrite $log, $_[0] };
  $write->("[muster: start $try]\n") if $try > 1;
  my ($left, $beyond, $tail, $told) = ($log_bytes - 131072 - (-s $log || 0), 0, '', 0);
  my $take = sub {
    my ($said) = @_;
    my $kept = $left > 0 ? substr $said, 0, $left, '' : '';
    $left -= length $kept;
    $write->($kept);
    return if $said eq '';
    my $kib = int($log_bytes / 1024);
    $write->("\n[muster: the log is longer than $kib KiB; its middle is not kept]\n") unless $beyond;
    $beyond += length $said;
    $tail .= $said;
    substr($tail, 0, -65536) = '' if length $tail > 65536;
    # A disk that is full is the script's trouble, and not the end of who watches it.
    eval { write_file("$dir/log.beyond", "$beyond\n") } if time != $told;
    $told = time;
  };
  pipe my $from, my $to or die "cannot make a pipe: $!\n";
  my $ear = {pipe => $from, take => $take};
  my $child = run_script($dir, $to);
  close $to;
  eval { write_file("$dir/pgid", "$child\n") };
  my $code = until_end($child, $ear);
  my $ended = end_session($child, $ear);
  hear_rest($ear);
  $write->($tail);
  $write->("[muster: ended what the script had left running: $ended]\n") if $ended ne '';
  unlink "$dir/log.beyond";
  forget_secrets($dir);
  make_durable("$dir/output") if -s "$dir/output";
  record('exit', $code);
  return $ear;
}

my %tools = (
@TOOLS@
);

sub write_tools {
  my $mark = "$root/bin/." . ($0 =~ m{([^/]+)$})[0];
  return if -e $mark;
  chmod 0700, "$root/steps";
  make_folder("$root/bin");
  chmod 0755, "$root/bin";
  for my $name (keys %tools) {
    write_file("$root/bin/.$name.$$", $tools{$name}, 0755);
    rename "$root/bin/.$name.$$", "$root/bin/$name";
  }
  write_file($mark, '');
}

sub forget_old { # after 30 days
  for my $folder ("$root/steps", "$root/artifacts") {
    my @old = grep -M > 30, map "$folder/$_", names_in($folder);
    system 'rm', '-rf', @old if @old;
  }
}

sub standard_input {
  local $/;
  my $text = <STDIN>;
  return defined $text ? $text : '';
}

sub start { # TRY STEP LOG_BYTES OFFSET WAIT
  my ($try, $step, $log_bytes, $offset, $wait) = @_;
  my $archive = standard_input();
  my ($state, $tried) = (state_now(), recall('try', 0));
  return answer($offset) if $state eq 'running' || $try <= $tried;
  kill_members($execution) if $state eq 'interrupted';
  stop_other_executions($step);
  write_tools();
  forget_old() unless $$ % 16;
  unpack_files($dir, $archive);
  unlink map "$dir/$_", qw(exit pgid progress output cancelled reboot unchanged log.beyond) if $tried;
  write_file("$dir/step", "$step\n");
  write_file("$dir/boot_id", "$boot\n"); # a power cut that loses it ends the boot as well
  # One that lost this would have the step begin a second time.
  record('try', $try);
  make_durable($dir);
  my $alive = lock_within("$dir/alive", 20) or stop(91, 'the last start does not end');
  pipe my $over, my $running or die "cannot make a pipe: $!\n";
  beside(sub {
    close $over;
    my $ear = supervise($try, $log_bytes);
    close $alive;
    close $running;
    # A daemon that still writes is not to die of it.
    $SIG{CHLD} = 'IGNORE';
    $ear->{take} = sub { };
    while ($ear->{pipe}) { hear($ear, 3600) }
  });
  close $_ for $alive, $running, $lock;
  # Most steps are over by then, and are spared a second question; others may ask meanwhile.
  my $end = {pipe => $over, take => sub { }};
  hear($end, 0.5);
  hear($end, $wait - 0.5) if $end->{pipe} && !-s "$dir/log";
  answer($offset);
}

sub check {
  my $where = "$dir/check.d";
  system 'rm', '-rf', $where if -d $where;
  make_folder($where);
  unpack_files($where, standard_input());
  adopt_orphans();
  pipe my $from, my $to or die "cannot make a pipe: $!\n";
  my $said = '';
  my $ear = {pipe => $from, take => sub { $said .= $_[0]; substr($said, 0, -65536) = '' if length $said > 65536 }};
  my $child = run_script($where, $to);
  close $to;
  my $code = until_end($child, $ear, 60);
  kill 'KILL', in_session($child) if is_anything_left();
  hear_rest($ear);
  print "check $code\n", 'output ', base64(contents("$where/output", 0, 1048577)), "\n", 'log ', base64($said), "\n";
  system 'rm', '-rf', $where;
}

sub cancel {
  stop(93, 'it does not end') if -f "$dir/try" && !stop_group($execution);
  forget_secrets($dir);
  answer();
}

sub reboot {
  my $command = $ENV{MUSTER_REBOOT_COMMAND} || 'systemctl reboot || reboot';
  beside(sub { exec 'sh', '-c', "sleep 1; $command" });
  print "boot $boot\n";
}

sub sum_of { # FILE
  open my $sum, '-|', 'sha256sum', $_[0] or return '';
  my $line = <$sum>;
  return defined $line ? substr $line, 0, 64 : '';
}

sub stop_writer { # PART: one whose server is gone, or was superseded, may still hold the file open
  my ($part) = @_;
  my $writer = line_of("$part.pid");
  for (my $count = 0; defined $writer && (readlink "/proc/$writer/fd/1" || '') eq $part; $count++) {
    stop(93, "process $writer does not end") if $count == 100;
    kill 'KILL', $writer;
    pause(0.05);
  }
}

sub artifact { # VERB SHA256 NAME [OFFSET]
  my ($verb, $sum, $name, $offset) = @_;
  my $folder = "$root/artifacts/$sum";
  my ($file, $part) = ("$folder/$name", "$folder/.$execution.part");
  make_folder($folder);
  utime undef, undef, $folder;
  stop_writer($part);
  my $size = -s $part || 0;
  if ($verb eq 'look') {
    unlink $file if -f $file && sum_of($file) ne $sum;
    return print "artifact $size\n" unless -f $file;
    unlink $part, "$part.pid";
  } elsif ($verb eq 'put') {
    stop(96, "the file has another size than $offset") if $offset != 0 && $size != $offset;
    write_file($part, '') if $offset == 0;
    write_file("$part.pid", "$$\n");
    open STDOUT, '>>', $part or die "cannot write $part: $!\n";
    # From here on others may take the lock, and end this process.
    exec 'cat';
  } else {
    if (sum_of($part) ne $sum) { unlink $part; return print "artifact damaged\n" }
    chmod 0644, $part;
    make_durable($part);
    rename $part, $file or die "cannot write $file: $!\n";
    unlink "$part.pid";
  }
  print "artifact present\n";
}

my %operations = (
  status => \&answer, start => \&start, check => \&check, cancel => \&cancel, reboot => \&reboot, artifact => \&artifact,
);

eval {
  make_folder($dir);
  $lock = lock_within("$dir/lock", 20) or stop(91, 'another operation is at work');
  my $highest = recall('fence', 0);
  stop(92, "fence $fence is refused: $highest was here") if $fence < $highest;
  record('fence', $fence) if $fence != $highest;
  my $work = $operations{$operation} or stop(95, "unknown operation $operation");
  $work->(@arguments);
  1;
} or do {
  chomp(my $reason = $@);
  stop(94, $reason);
};
`;
