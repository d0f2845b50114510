using KdPlugins.Torch;

namespace KdPlugins.Host;

/// <summary>The failures of plugins (01). The command line's (08) stand beside them, the service's (09) beside their code.</summary>
public static class HostErrors
{
    /// <summary>A folder below the plugin folder has nothing to load.</summary>
    public static readonly ErrorCode NoPlugin = new(
        "KDP0101",
        "a folder holds no plugin",
        "Put a plugin's build output into the folder, or remove the folder."
    );

    /// <summary>A file is no usable .NET assembly.</summary>
    public static readonly ErrorCode BadAssembly = new(
        "KDP0102",
        "a file is no usable .NET assembly",
        "Copy the plugin again, or rebuild it."
    );

    /// <summary>An assembly is for another processor or system.</summary>
    public static readonly ErrorCode WrongArchitecture = new(
        "KDP0103",
        "an assembly is for another processor",
        "Rebuild the plugin for Any CPU."
    );

    /// <summary>A plugin and the host disagree about a contract assembly.</summary>
    public static readonly ErrorCode ContractMismatch = new(
        "KDP0104",
        "a plugin was built against another version of the contracts",
        "Update the host, or rebuild the plugin against the host's version."
    );

    /// <summary>An assembly is for another framework.</summary>
    public static readonly ErrorCode WrongFramework = new(
        "KDP0105",
        "an assembly is for another framework",
        "Set <TargetFramework>net10.0</TargetFramework> in the plugin's project and rebuild it."
    );

    /// <summary>An assembly that a plugin references is nowhere.</summary>
    public static readonly ErrorCode MissingDependency = new(
        "KDP0106",
        "an assembly that a plugin needs is missing",
        "Build the plugin with <EnableDynamicLoading>true</EnableDynamicLoading>, and copy its whole output folder."
    );

    /// <summary>A plugin's folder has copies of assemblies that only the host may provide.</summary>
    public static readonly ErrorCode ShipsContracts = new(
        "KDP0107",
        "a plugin ships files that the host provides",
        "Reference the contracts with <Private>false</Private> and <ExcludeAssets>runtime</ExcludeAssets>, and delete the copies."
    );

    /// <summary>A plugin's folder has native libraries that may exist once per process only.</summary>
    public static readonly ErrorCode ShipsLibTorch = new(
        "KDP0108",
        "a plugin ships libtorch",
        "Delete these files: libtorch must exist once per process, and the host brings it."
    );

    /// <summary>plugin.json or deps.json cannot be used.</summary>
    public static readonly ErrorCode BadManifest = new(
        "KDP0109",
        "a plugin's manifest cannot be used",
        "Correct the entry named above."
    );

    /// <summary>A path leads out of the plugin's folder.</summary>
    public static readonly ErrorCode PathOutside = new(
        "KDP0110",
        "a path leads out of the plugin's folder",
        "Copy the file into the plugin's folder and name it by a relative path."
    );

    /// <summary>A folder is not what was approved.</summary>
    public static readonly ErrorCode NotApproved = new(
        "KDP0111",
        "a plugin is not what was approved",
        "Look at the change; if it is wanted, approve the folder, which rewrites its entry in plugins.lock.json."
    );

    /// <summary>Two plugins of a kind have one id.</summary>
    public static readonly ErrorCode DuplicateId = new(
        "KDP0112",
        "two plugins of a kind have one id",
        "Remove one of the two folders, or give one plugin another id."
    );

    /// <summary>A class cannot be a plugin as it is declared.</summary>
    public static readonly ErrorCode BadPart = new(
        "KDP0113",
        "a class cannot be a plugin",
        "Correct the class or its attribute and rebuild the plugin."
    );

    /// <summary>Parts cannot be put together.</summary>
    public static readonly ErrorCode CompositionFailed = new(
        "KDP0114",
        "a plugin cannot be composed",
        "Export what the class imports from the same assembly, or drop the import."
    );

    /// <summary>A constructor threw.</summary>
    public static readonly ErrorCode ConstructorFailed = new(
        "KDP0115",
        "a plugin's constructor failed",
        "Do the work in OnConfigured or Bind; a constructor only stores what it is given."
    );

    /// <summary>A plugin did not return from its constructor or its load in time.</summary>
    public static readonly ErrorCode TimedOut = new(
        "KDP0116",
        "a plugin did not finish loading",
        "Do the work in OnConfigured or Bind; a constructor must neither wait nor compute."
    );

    /// <summary>A plugin would end the process.</summary>
    public static readonly ErrorCode EndsProcess = new(
        "KDP0117",
        "a plugin would end the process",
        "Throw an exception instead; only the host ends the process."
    );

    /// <summary>Files changed while they were read.</summary>
    public static readonly ErrorCode Unstable = new(
        "KDP0118",
        "a plugin's files changed while it was loaded",
        "Wait until the copy is done and load again; deploy by renaming a complete folder."
    );

    /// <summary>The runtime could not load types.</summary>
    public static readonly ErrorCode LoadFailed = new(
        "KDP0119",
        "a plugin's types cannot be loaded",
        "Rebuild the plugin against this host, and copy its whole output folder."
    );

    /// <summary>A plugin stayed in memory.</summary>
    public static readonly ErrorCode Leaked = new(
        "KDP0120",
        "a plugin stayed in memory after it was unloaded",
        "Dispose instances, stop threads and timers, and unsubscribe from events of the host."
    );

    /// <summary>The machine lacks what a plugin requires.</summary>
    public static readonly ErrorCode RequirementUnmet = new(
        "KDP0121",
        "the machine lacks what a plugin requires",
        "Run it on a machine that has what is named above."
    );

    /// <summary>A file or folder is larger than the loader reads.</summary>
    public static readonly ErrorCode TooLarge = new(
        "KDP0122",
        "a plugin is too large",
        "Keep data and weights outside the plugin's folder."
    );

    /// <summary>A .kdplugin file cannot be used.</summary>
    public static readonly ErrorCode BadPackage = new(
        "KDP0123",
        "a plugin's package cannot be used",
        "Fetch the package again, or make it anew by 'kd plugins pack FOLDER'."
    );

    /// <summary>A signature is missing or wrong, or there is nothing to check it with.</summary>
    public static readonly ErrorCode NotSigned = new(
        "KDP0124",
        "a plugin bears no trusted signature",
        "Sign the package by 'kd plugins sign', or trust its author's public key, if you do."
    );

    /// <summary>A plugin uses types or members of the contracts that this host has not.</summary>
    public static readonly ErrorCode ContractUnmet = new(
        "KDP0125",
        "a plugin uses what this host's contracts do not have",
        "Rebuild the plugin against this host's contracts, or update the host."
    );

    /// <summary>A native library that a plugin needs is nowhere.</summary>
    public static readonly ErrorCode NativeMissing = new(
        "KDP0126",
        "a native library of a plugin is missing",
        "Copy the whole output folder of the plugin's build, with what lies below runtimes/."
    );

    /// <summary>An entry of a plugin's folder is no file that may be read.</summary>
    public static readonly ErrorCode NotPlain = new(
        "KDP0127",
        "an entry of a plugin's folder is no file that can be read",
        "Remove it, or put a plain file that the host may read in its place."
    );

    /// <summary>A plugin is listed and used by runs, but its code is kept out of this process.</summary>
    public static readonly ErrorCode HeldBack = new(
        "KDP0128",
        "a plugin is not run in this process",
        "Nothing is to be done for runs: they are processes of their own."
    );

    /// <summary>A recipe is asked for by a name that none has, or several have.</summary>
    public static readonly ErrorCode RecipeUnknown = new(
        "KDP0129",
        "there is no recipe of this name",
        "'kd recipes' lists what there is; a file is named by its path."
    );

    /// <summary>Every entry of this assembly.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = ErrorCode.In(typeof(HostErrors));
}
