using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>Tries candidates in order, loads the first that fits whole, and explains every refusal.</summary>
internal static class NativeLoader
{
    internal const string LibTorchSharp = "libLibTorchSharp.so";
    private static readonly string[] CudaLibraries = ["libc10_cuda.so", "libtorch_cuda.so"];

    internal static NativeInfo Load(
        IEnumerable<NativeCandidate> candidates,
        IEnumerable<string> libTorchSharpFolders,
        string cacheFolder
    )
    {
        var refusals = new List<string>();
        var shims = libTorchSharpFolders.Select(f => Path.Combine(f, LibTorchSharp)).ToList();
        foreach (var candidate in candidates)
        {
            var loaded = new List<nint>();
            try
            {
                return LoadWhole(candidate, shims, cacheFolder, loaded, refusals);
            }
            catch (Exception e)
                when (e is DllNotFoundException or BadImageFormatException or InvalidDataException or IOException)
            {
                // Undone, so that the next candidate's libraries are not bound to the ones of this.
                for (var i = loaded.Count - 1; i >= 0; i--)
                    NativeLibrary.Free(loaded[i]);
                refusals.Add($"{candidate}: {FirstLine(e.Message)}");
            }
        }
        throw new KdException(
            TorchErrors.NativeNotFound,
            $"No usable libtorch {NativeCandidate.LibTorchVersion} was found. Looked at:\n"
                + string.Concat(refusals.Select(r => $"  - {r}\n"))
        );
    }

    private static NativeInfo LoadWhole(
        NativeCandidate candidate,
        List<string> shims,
        string cacheFolder,
        List<nint> loaded,
        List<string> refusals
    )
    {
        var plan = Plan(candidate);
        var shim = candidate.Find(LibTorchSharp) ?? shims.FirstOrDefault(File.Exists);
        if (shim is null)
            throw new InvalidDataException(
                $"{LibTorchSharp} is in none of {string.Join(", ", candidate.Folders.Concat(shims.Select(s => Path.GetDirectoryName(s)!)).Distinct())}"
            );
        var original = File.ReadAllBytes(shim);
        var (cxx, highest) = RequirementRelaxer.SystemCxx();
        var outcome = RequirementRelaxer.Relax(original, highest);
        if (outcome.Refusal is not null)
            throw new InvalidDataException($"{shim} {outcome.Refusal} ({cxx})");

        foreach (var library in plan)
            loaded.Add(LoadWithSiblings(library, candidate));
        CudaProbe.LoadLibraries(
            CudaLibraries.Select(candidate.Find),
            l => loaded.Add(LoadWithSiblings(l, candidate)),
            out var cudaStatus
        );
        var torch = LoadWithSiblings(candidate.Find("libtorch.so")!, candidate);
        loaded.Add(torch);
        RefuseMissingSymbols(shim, original, torch);

        var entry = outcome.Image is null
            ? new(shim, false)
            : LibraryCache.Provide(outcome.Image, LibTorchSharp, cacheFolder);
        try
        {
            loaded.Add(NativeLibrary.Load(entry.Path));
        }
        finally
        {
            LibraryCache.Release(entry);
        }
        var abi = AbiVersion(torch);
        var cuda = CudaProbe.Check(cudaStatus);
        return new(
            candidate.Source,
            Path.GetDirectoryName(plan[^1])!,
            entry.Path,
            outcome.Change,
            abi,
            cuda.Available,
            cuda.Status,
            refusals
        );
    }

    /// <summary>libgomp (where bundled), libtorch_global_deps (where present), libc10 and libtorch_cpu, all checked before any is loaded.</summary>
    private static List<string> Plan(NativeCandidate candidate)
    {
        if (!candidate.Folders.Any(Directory.Exists))
            throw new InvalidDataException("the folder does not exist");
        foreach (var required in (string[])["libc10.so", "libtorch_cpu.so", "libtorch.so"])
        {
            var path = candidate.Find(required) ?? throw new InvalidDataException($"{required} is missing");
            if (ElfFile.WhyNotLoadable(path) is { } reason)
                throw new InvalidDataException($"{required} {reason}");
        }
        string?[] plan =
        [
            candidate.FindPattern("libgomp*.so*"),
            candidate.Find("libc10.so"),
            candidate.Find("libtorch_cpu.so"),
        ];
        return [.. plan.OfType<string>()];
    }

    /// <summary>
    /// Loads a library; where the system's loader misses another, that one is looked for in the candidate's folders and
    /// beside them (a PyTorch wheel keeps the CUDA libraries in <c>../../nvidia/*/lib</c>), loaded first, and the load repeated.
    /// </summary>
    private static nint LoadWithSiblings(string path, NativeCandidate candidate)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return NativeLibrary.Load(path);
            }
            catch (DllNotFoundException e) when (attempt < 32 && MissingLibrary(e.Message) is { } missing)
            {
                var sibling =
                    Siblings(candidate, missing)
                    ?? throw new DllNotFoundException($"{Path.GetFileName(path)} needs {missing}, which is not found");
                LoadWithSiblings(sibling, candidate);
            }
        }
    }

    private static string? MissingLibrary(string message)
    {
        const string marker = ": cannot open shared object file";
        var end = message.IndexOf(marker, StringComparison.Ordinal);
        if (end < 0)
            return null;
        var start = message.LastIndexOfAny([' ', '\n', '\''], end - 1) + 1;
        var name = message[start..end];
        return name.Contains('/') ? null : name;
    }

    private static string? Siblings(NativeCandidate candidate, string file)
    {
        var wheels = candidate
            .Folders.Select(f => Path.GetFullPath(Path.Combine(f, "..", "..", "nvidia")))
            .Where(Directory.Exists)
            .SelectMany(f => Directory.EnumerateFiles(f, file, SearchOption.AllDirectories));
        return candidate.Find(file) ?? wheels.FirstOrDefault();
    }

    // A missing function would end the process at its first call: better refused now, by name.
    private static void RefuseMissingSymbols(string shim, byte[] image, nint torch)
    {
        var missing = ElfFile
            .Parse(image)
            .UndefinedSymbols()
            .Where(s => s is { Relocated: true, Weak: false } && !NativeLibrary.TryGetExport(torch, s.Name, out _))
            .Select(s => s.Name)
            .ToList();
        if (missing.Count > 0)
            throw new InvalidDataException(
                $"this libtorch lacks {missing.Count} functions that {shim} calls: {string.Join(", ", missing)}"
            );
    }

    private static unsafe ulong AbiVersion(nint torch) =>
        NativeLibrary.TryGetExport(torch, "aoti_torch_abi_version", out var f) ? ((delegate* unmanaged<ulong>)f)() : 0;

    private static string FirstLine(string text) => text.ReplaceLineEndings("\n").Split('\n', 2)[0];
}
