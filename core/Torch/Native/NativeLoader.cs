using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>Tries candidates in order, loads the first that fits whole, and explains every refusal.</summary>
internal static class NativeLoader
{
    internal const string LibTorchSharp = "libLibTorchSharp.so";
    internal const string LibTorchCpu = "libtorch_cpu.so";
    private const string AbiVersionFunction = "aoti_torch_abi_version";

    /// <summary>What was loaded: the facts, and the handles by which TorchSharp is to find the libraries.</summary>
    internal sealed record Loaded(NativeInfo Info, IReadOnlyDictionary<string, nint> Handles);

    internal static Loaded Load(
        IEnumerable<NativeCandidate> candidates,
        IEnumerable<string> libTorchSharpFolders,
        string? cacheFolder
    )
    {
        var refusals = new List<string>();
        var shims = libTorchSharpFolders.Select(f => Path.Combine(f, LibTorchSharp)).ToList();
        foreach (var candidate in candidates)
        {
            try
            {
                var plan = Plan(candidate, shims);
                return LoadWhole(candidate, plan, cacheFolder, refusals);
            }
            catch (Exception e)
                when (e
                        is DllNotFoundException
                            or BadImageFormatException
                            or InvalidDataException
                            or IOException
                            or UnauthorizedAccessException
                )
            {
                refusals.Add($"{candidate}: {Reason(e)}");
            }
        }
        throw new KdException(
            TorchErrors.NativeNotFound,
            $"No usable libtorch {NativeCandidate.LibTorchVersion} was found. Looked at:\n"
                + string.Concat(refusals.Select(r => $"  - {r}\n"))
        );
    }

    /// <summary>LibTorchSharp for a candidate that passed every check that can be made without loading anything.</summary>
    private sealed record ShimPlan(string Path, RequirementRelaxer.Outcome Outcome);

    private static ShimPlan Plan(NativeCandidate candidate, List<string> shims)
    {
        LibTorchCheck.Files(candidate);
        var shim = candidate.Find(LibTorchSharp) ?? shims.FirstOrDefault(File.Exists);
        if (shim is null)
            throw new InvalidDataException(
                $"{LibTorchSharp} is in none of {string.Join(", ", candidate.Folders.Concat(shims.Select(s => Path.GetDirectoryName(s)!)).Distinct())}"
            );
        if (ElfFile.WhyNotLoadable(shim) is { } reason)
            throw new InvalidDataException($"{shim} {reason}");
        var original = File.ReadAllBytes(shim);
        // The package folder's version is in its name; what others hold is not known.
        if (!candidate.KnownVersion)
            LibTorchCheck.Fits(candidate, shim, ElfFile.Parse(original));
        var (cxx, highest) = RequirementRelaxer.SystemCxx();
        var outcome = RequirementRelaxer.Relax(original, highest);
        return outcome.Refusal is null
            ? new(shim, outcome)
            : throw new InvalidDataException($"{shim} {outcome.Refusal} ({cxx})");
    }

    private static Loaded LoadWhole(
        NativeCandidate candidate,
        ShimPlan plan,
        string? cacheFolder,
        List<string> refusals
    )
    {
        var torchCpu = candidate.Find(LibTorchCpu)!;
        RefuseSecondLibTorch(torchCpu);
        var handles = new Dictionary<string, nint>();
        OpenMpWait.Shorten();
        var instructions = OneDnnInstructions.Announce(torchCpu);
        if (candidate.FindPattern("libgomp*.so*") is { } openMp)
            LoadWithSiblings(openMp, candidate);
        LoadWithSiblings(candidate.Find("libc10.so")!, candidate);
        handles["torch_cpu"] = LoadWithSiblings(torchCpu, candidate);
        var cudaFailure = CudaProbe.LoadLibraries(
            candidate.Find,
            path => handles[CudaProbe.NameOf(path)] = LoadWithSiblings(path, candidate)
        );
        var torch = LoadWithSiblings(candidate.Find("libtorch.so")!, candidate);
        var abi = AbiVersion(handles["torch_cpu"]);
        handles["LibTorchSharp"] = LoadShim(plan, cacheFolder, out var shimPath);

        return new(
            new(
                candidate.Source,
                Path.GetDirectoryName(torchCpu)!,
                shimPath,
                plan.Outcome.Change,
                abi,
                instructions,
                CudaAvailable: false,
                cudaFailure ?? "",
                refusals
            ),
            handles
        );
    }

    private static nint LoadShim(ShimPlan plan, string? cacheFolder, out string path)
    {
        var entry = plan.Outcome.Image is { } image
            ? LibraryCache.Provide(image, LibTorchSharp, cacheFolder)
            : new(plan.Path, Temporary: false);
        path = entry.Path;
        try
        {
            return NativeLibrary.Load(entry.Path);
        }
        finally
        {
            LibraryCache.Release(entry);
        }
    }

    // libtorch stays in the process once it is loaded, and two of them in one process corrupt each other.
    private static void RefuseSecondLibTorch(string wanted)
    {
        var mapped = File.ReadLines("/proc/self/maps")
            .Where(line => line.EndsWith("/" + LibTorchCpu, StringComparison.Ordinal))
            .Select(line => line[line.IndexOf('/')..])
            .FirstOrDefault(path => !SameFile(path, wanted));
        if (mapped is not null)
            throw new InvalidDataException(
                $"{mapped} is already loaded and cannot be unloaded; call NativeRuntime.Start before any use of TorchSharp"
            );
    }

    private static bool SameFile(string a, string b) =>
        Path.GetFullPath(a) == Path.GetFullPath(b) || File.ResolveLinkTarget(b, returnFinalTarget: true)?.FullName == a;

    /// <summary>
    /// Loads a library; where the system's loader misses another, that one is looked for in the candidate's folders and
    /// beside them (a PyTorch wheel keeps the CUDA libraries in <c>../../nvidia/*/lib</c>), loaded first, and the load repeated.
    /// </summary>
    private static nint LoadWithSiblings(string path, NativeCandidate candidate)
    {
        const int attempts = 32;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return NativeLibrary.Load(path);
            }
            catch (DllNotFoundException e) when (attempt < attempts && MissingLibrary(e.Message, path) is { } missing)
            {
                var sibling =
                    Sibling(candidate, missing)
                    ?? throw new DllNotFoundException($"{Path.GetFileName(path)} needs {missing}, which is not found");
                LoadWithSiblings(sibling, candidate);
            }
        }
    }

    /// <summary>The library that a loader's message says is missing, or null where it says something else.</summary>
    internal static string? MissingLibrary(string message, string path)
    {
        const string marker = ": cannot open shared object file";
        var end = message.IndexOf(marker, StringComparison.Ordinal);
        if (end <= 0)
            return null;
        var start = message.LastIndexOfAny([' ', '\n', '\''], end - 1) + 1;
        var name = message[start..end];
        return name.Contains('/') || name == Path.GetFileName(path) ? null : name;
    }

    private static string? Sibling(NativeCandidate candidate, string file)
    {
        var wheels = candidate
            .Folders.Select(f => Path.GetFullPath(Path.Combine(f, "..", "..", "nvidia")))
            .Where(Directory.Exists)
            .SelectMany(f => Directory.EnumerateFiles(f, file, SearchOption.AllDirectories));
        return candidate.Find(file) ?? wheels.FirstOrDefault();
    }

    private static unsafe ulong AbiVersion(nint torchCpu)
    {
        if (!NativeLibrary.TryGetExport(torchCpu, AbiVersionFunction, out var function))
            throw new InvalidDataException(
                $"{LibTorchCpu} has no {AbiVersionFunction}: it is older than libtorch 2.10"
            );
        var abi = ((delegate* unmanaged<ulong>)function)();
        // Major and minor: LibTorchSharp was compiled against the headers of exactly these.
        return abi >> 48 == NativeCandidate.LibTorchAbi >> 48
            ? abi
            : throw new InvalidDataException(
                $"is libtorch {abi >> 56}.{(abi >> 48) & 0xff}, libtorch {NativeCandidate.LibTorchVersion} is needed"
            );
    }

    // .NET says at length that a library cannot be loaded; the loader's own words, on the next line, say why.
    internal static string Reason(Exception e)
    {
        var lines = e.Message.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return e is DllNotFoundException && lines.Length > 1 ? string.Join("; ", lines[1..]) : lines[0];
    }
}
