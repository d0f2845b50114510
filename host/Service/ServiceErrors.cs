using KdPlugins.Torch;

namespace KdPlugins.Host.Service;

/// <summary>The failures of the service (09).</summary>
public static class ServiceErrors
{
    /// <summary>Another service works in the data folder.</summary>
    public static readonly ErrorCode DataInUse = new(
        "KDP0900",
        "another service works in the data folder",
        "Stop the other service, or give --data another folder."
    );

    /// <summary>An option of the service does not fit.</summary>
    public static readonly ErrorCode BadOptions = new(
        "KDP0901",
        "the service's options do not fit",
        "Correct appsettings.json, the environment (Kd__...) or the command line."
    );

    /// <summary>The service would be open to others without a token.</summary>
    public static readonly ErrorCode TokenNeeded = new(
        "KDP0902",
        "an address beyond this machine needs a token",
        "Put a token of at least 16 characters into a file and name it by --token-file, or listen on 127.0.0.1."
    );

    /// <summary>There is no such run in the queue.</summary>
    public static readonly ErrorCode JobMissing = new(
        "KDP0903",
        "the queue has no such run",
        "'kd queue' lists the runs there are."
    );

    /// <summary>What was asked of a run does not fit its state.</summary>
    public static readonly ErrorCode JobState = new(
        "KDP0904",
        "the run is not in a state that allows it",
        "Look at the run's state with 'kd queue'."
    );

    /// <summary>The queue's database cannot be used at the moment.</summary>
    public static readonly ErrorCode QueueUnavailable = new(
        "KDP0905",
        "the queue cannot be used",
        "See whether another program holds queue.db open, and whether its disk is full or read-only."
    );

    /// <summary>No service answers.</summary>
    public static readonly ErrorCode NoService = new(
        "KDP0906",
        "no service answers",
        "Start one with 'kd serve', or name its address by --url or KD_URL."
    );

    /// <summary>A request to the service was refused.</summary>
    public static readonly ErrorCode Refused = new(
        "KDP0907",
        "the service refused a request",
        "Mend what is named above and ask again."
    );

    /// <summary>A worker took more memory than it may.</summary>
    public static readonly ErrorCode WorkerMemory = new(
        "KDP0908",
        "the worker took too much memory",
        "Lower training.batchSize or the model's size, or raise Kd:MemoryLimitMegabytes."
    );

    /// <summary>A worker hung.</summary>
    public static readonly ErrorCode WorkerStalled = new(
        "KDP0909",
        "the worker hung",
        "Look at the end of the log for the plugin at work; where a step may take so long, raise Kd:StallSeconds."
    );

    /// <summary>A worker ended without a word.</summary>
    public static readonly ErrorCode WorkerEnded = new(
        "KDP0910",
        "the worker ended in the middle of the run",
        "Look at the end of the log for the plugin at work: it may have crashed or ended the process."
    );

    /// <summary>A run filled the disk.</summary>
    public static readonly ErrorCode DiskFilled = new(
        "KDP0911",
        "the disk became nearly full",
        "Make room in the data folder, and see whether a plugin of the run writes without end."
    );

    /// <summary>The process may not open enough files and sockets.</summary>
    public static readonly ErrorCode TooFewDescriptors = new(
        "KDP0912",
        "too few files may be opened",
        "Raise the limit (ulimit -n, LimitNOFILE= of systemd), or lower Kd:MaxConnections and Kd:MaxEventStreams."
    );

    /// <summary>Too many watch at once.</summary>
    public static readonly ErrorCode TooManyStreams = new(
        "KDP0913",
        "there are too many event streams",
        "Close some, or raise Kd:MaxEventStreams or Kd:MaxConnectionsPerAddress."
    );

    /// <summary>A submitted recipe names a file that it may not read, or that is nowhere.</summary>
    public static readonly ErrorCode PathRefused = new(
        "KDP0914",
        "a submitted recipe names a file that it may not read",
        "Put the data below a folder of Kd:DataRoots, and name it by an absolute path or relative to recipeFolder."
    );

    /// <summary>The service cannot write its data.</summary>
    public static readonly ErrorCode DataUnusable = new(
        "KDP0915",
        "the data folder cannot be used",
        "Give the service's user the right to write there, or give --data another folder."
    );

    /// <summary>A part of the service ended.</summary>
    public static readonly ErrorCode PartEnded = new(
        "KDP0930",
        "a part of the service ended, and the service with it",
        "Start the service again; runs go on from their last checkpoints."
    );

    /// <summary>A file in the inbox is no recipe.</summary>
    public static readonly ErrorCode InboxFile = new(
        "KDP0931",
        "a file in the inbox is no recipe",
        "Put plain files of at most 1 MiB into the inbox."
    );

    /// <summary>Every entry of the service.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(ServiceErrors));
}
