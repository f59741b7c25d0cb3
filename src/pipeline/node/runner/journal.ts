/** The beginning of the runner: files, locks, and how the execution stands. Perl; `../runner.ts` says what the files are. */
export const JOURNAL = String.raw`#!/usr/bin/perl
umask 077; # It is strict, which a test sees to: asking for it here is a tenth of what a start takes.
my ($operation, $execution, $fence, @arguments) = @ARGV;
my $root = $ENV{MUSTER_ROOT} ||= '/var/lib/muster';
my $dir = "$root/steps/$execution";
my $lock; # held while an operation is at work

# setsid(2), prctl(2), fsync(2) by number: the module that has them takes longer to load than most steps take. Elsewhere
# programs do it.
my %numbers = (x86_64 => [112, 157, 74], aarch64 => [157, 167, 82], riscv64 => [157, 167, 82]);
my ($machine) = "@INC" =~ m{/(\w+)-linux-gnu/};
my ($setsid, $prctl, $fsync) = @{$numbers{$machine || ''} || []};

sub stop { # CODE TEXT
  print STDERR "$_[1]\n";
  exit $_[0];
}

sub contents { # PATH [OFFSET LENGTH]; '' where there is none
  my ($path, $offset, $length) = @_;
  open my $file, '<', $path or return '';
  seek $file, $offset || 0, 0;
  my $text = '';
  if (defined $length) { read $file, $text, $length } else { local $/; $text = <$file> }
  return defined $text ? $text : '';
}

sub write_file { # PATH TEXT [MODE]
  my ($path, $text, $mode) = @_;
  open my $file, '>', $path or die "cannot write $path: $!\n";
  chmod $mode, $file if defined $mode;
  print $file $text and close $file or die "cannot write $path: $!\n";
}

sub make_durable { # PATH: of a file; of a folder its names
  return system 'sync', $_[0] unless $fsync;
  open my $file, '<', $_[0] or return;
  syscall $fsync, fileno $file;
}

sub record { # NAME VALUE, durable before it returns
  my $path = "$dir/$_[0]";
  write_file("$path.new", "$_[1]\n");
  make_durable("$path.new");
  rename "$path.new", $path or die "cannot write $path: $!\n";
}

sub line_of { # PATH [DEFAULT]: its first line
  my ($line) = contents($_[0]) =~ /^([^\n]+)/;
  return defined $line ? $line : $_[1];
}

sub recall { line_of("$dir/$_[0]", $_[1]) } # NAME DEFAULT

sub make_folder { # PATH, with those above it
  my ($path) = @_;
  return if !defined $path || -d $path;
  my ($above) = $path =~ m{^(.+)/[^/]+$};
  make_folder($above);
  mkdir $path or -d $path or die "cannot make $path: $!\n";
}

sub names_in { # FOLDER
  opendir my $folder, $_[0] or return;
  return grep !/^\.\.?$/, readdir $folder;
}

sub base64 { # BYTES (RFC 4648, section 4)
  my $text = pack 'u', $_[0];
  $text =~ s/^.|\n//mg;
  $text =~ tr{\x60 -_}{AA-Za-z0-9+/};
  my $padding = (3 - length($_[0]) % 3) % 3;
  substr($text, -$padding) = '=' x $padding if $padding;
  return $text;
}

sub pause { select undef, undef, undef, $_[0] } # SECONDS

sub lock_within { # PATH SECONDS: undef where another has it for longer
  my ($path, $seconds) = @_;
  open my $lock, '>>', $path or die "cannot open $path: $!\n";
  return $lock if flock $lock, 2 | 4;
  my $is_mine = eval {
    local $SIG{ALRM} = sub { die "late\n" };
    alarm $seconds;
    my $result = flock $lock, 2;
    alarm 0;
    $result;
  };
  return $is_mine ? $lock : undef;
}

sub is_alive { # JOURNAL
  open my $alive, '<', "$_[0]/alive" or return 0;
  return !flock $alive, 2 | 4;
}

sub here_boot {
  return line_of($ENV{MUSTER_BOOT_ID_FILE}) if $ENV{MUSTER_BOOT_ID_FILE};
  # A container keeps its host's boot_id when it restarts, but not the start time of its first process (proc(5), stat: 22).
  my ($rest) = contents('/proc/1/stat') =~ /.*\) (.*)/s;
  return line_of('/proc/sys/kernel/random/boot_id') . '-' . (split ' ', $rest)[19];
}
my $boot = here_boot();

sub state_now {
  return 'unknown' unless -s "$dir/try";
  return 'finished' if -f "$dir/exit";
  return 'interrupted' if recall('boot_id', '') ne $boot;
  return 'running' if is_alive($dir);
  # Its end may have come between the two looks.
  return -f "$dir/exit" ? 'finished' : 'interrupted';
}
`;
