/** The part of the runner that finds and ends processes. Perl; `../runner.ts` says what the files are. */
export const PROCESSES = String.raw`sub in_session { # SESSION: the living processes of it (proc(5), stat: number, name, state, parent, group, session)
  my ($session) = @_;
  return grep { contents("/proc/$_/stat") =~ /.*\) [^Z] -?\d+ -?\d+ $session /s } grep /^\d+$/, names_in('/proc');
}

sub members { # EXECUTION: the processes of it, wherever they went
  my $mark = "\0MUSTER_EXECUTION=$_[0]\0";
  my @marked = grep { index("\0" . contents("/proc/$_/environ"), $mark) >= 0 } grep /^\d+$/, names_in('/proc');
  my $session = line_of("$root/steps/$_[0]/pgid");
  return (@marked, defined $session ? in_session($session) : ());
}

sub kill_members { # EXECUTION: until there are none, as they may be forking
  for (1 .. 20) {
    my @here = members($_[0]) or return;
    kill 'KILL', @here;
  }
}

sub stop_group { # EXECUTION: TERM, up to five seconds, KILL. False where it does not end.
  my $where = "$root/steps/$_[0]";
  write_file("$where/cancelled", '');
  kill 'TERM', members($_[0]);
  for (my $tenths = 0; is_alive($where); $tenths++) {
    return 0 if $tenths == 100;
    pause(0.1);
    kill_members($_[0]) if $tenths >= 49;
  }
  kill_members($_[0]);
  return 1;
}

sub stop_other_executions { # STEP: of the same step, where an operator began it anew
  for my $name (names_in("$root/steps")) {
    next if $name eq $execution or line_of("$root/steps/$name/step", '') ne $_[0];
    write_file("$root/steps/$name/fence", "2000000000\n");
    stop_group($name) or stop(93, "cannot stop execution $name");
  }
}

sub forget_secrets { unlink map "$_[0]/$_", 'input.json', 'env', grep /^value-/, names_in($_[0]) } # JOURNAL
`;
