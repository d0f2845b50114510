using System.Runtime.InteropServices;

namespace KdPlugins.Torch.Native;

/// <summary>
/// A C++ function of libtorch or libstdc++ that is reached by its mangled name, because no stable interface offers it.
/// None of them throws on valid input.
/// </summary>
internal sealed class MangledSymbol(string library, string name, string lost)
{
    private nint _address;

    internal string Name => name;

    /// <summary>What a user loses where the symbol is missing.</summary>
    internal string Lost => lost;

    internal bool IsPresent => _address != 0;

    /// <summary>The address without starting anything; 0 where missing.</summary>
    internal nint RawAddress => _address;

    internal void Resolve(Func<string, nint> handleOf) =>
        NativeLibrary.TryGetExport(handleOf(library), name, out _address);

    /// <summary>The address.</summary>
    /// <exception cref="KdException"><c>KDP0003</c>: this libtorch does not have it.</exception>
    internal nint Address
    {
        get
        {
            NativeRuntime.Start();
            return _address != 0
                ? _address
                : throw new KdException(
                    TorchErrors.NativeSymbolMissing,
                    $"{library} has no {name}: {lost} cannot be used."
                );
        }
    }
}

/// <summary>Every mangled name in use, in one place; all are looked up once, at start-up.</summary>
internal static class MangledSymbols
{
    private const string Cpu = "libtorch_cpu.so";
    private const string C10 = "libc10.so";
    private const string Cuda = "libtorch_cuda.so";
    private const string CudaRandom = "seeding on a CUDA device";
    private const string Cxx = "libstdc++.so.6";
    private const string Autocast = "bf16 autocast";
    private const string ErrorText = "libtorch's own text in error messages";

    internal static readonly MangledSymbol SetAutocastEnabled = new(
        Cpu,
        "_ZN2at8autocast20set_autocast_enabledEN3c1010DeviceTypeEb",
        Autocast
    );
    internal static readonly MangledSymbol IsAutocastEnabled = new(
        Cpu,
        "_ZN2at8autocast19is_autocast_enabledEN3c1010DeviceTypeE",
        Autocast
    );
    internal static readonly MangledSymbol SetAutocastDtype = new(
        Cpu,
        "_ZN2at8autocast18set_autocast_dtypeEN3c1010DeviceTypeENS1_10ScalarTypeE",
        Autocast
    );
    internal static readonly MangledSymbol GetAutocastDtype = new(
        Cpu,
        "_ZN2at8autocast18get_autocast_dtypeEN3c1010DeviceTypeE",
        Autocast
    );
    internal static readonly MangledSymbol IncrementNesting = new(
        Cpu,
        "_ZN2at8autocast17increment_nestingEv",
        Autocast
    );
    internal static readonly MangledSymbol DecrementNesting = new(
        Cpu,
        "_ZN2at8autocast17decrement_nestingEv",
        Autocast
    );
    internal static readonly MangledSymbol ClearAutocastCache = new(Cpu, "_ZN2at8autocast11clear_cacheEv", Autocast);

    internal static readonly MangledSymbol BumpVersion = new(
        Cpu,
        "_ZN5torch8autograd4impl12bump_versionERKN2at6TensorE",
        "autograd's refusal to go backward through weights that an optimiser step has changed"
    );

    internal static readonly MangledSymbol SetStackTraceFetcher = new(
        C10,
        "_ZN3c1020SetStackTraceFetcherESt8functionIFNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEvEE",
        "cheap errors (each costs milliseconds of C++ backtrace without it)"
    );
    internal static readonly MangledSymbol StreamBufferTable = new(
        Cxx,
        "_ZTVSt15basic_streambufIcSt11char_traitsIcEE",
        ErrorText
    );
    internal static readonly MangledSymbol LocaleConstructor = new(Cxx, "_ZNSt6localeC1Ev", ErrorText);
    internal static readonly MangledSymbol SetStreamBuffer = new(
        Cxx,
        "_ZNSt9basic_iosIcSt11char_traitsIcEE5rdbufEPSt15basic_streambufIcS1_E",
        ErrorText
    );
    internal static readonly MangledSymbol StandardError = new(Cxx, "_ZSt4cerr", ErrorText);

    internal static readonly MangledSymbol CreateCudaGenerator = new(
        Cuda,
        "_ZN2at4cuda6detail19createCUDAGeneratorEa",
        CudaRandom
    );
    internal static readonly MangledSymbol DefaultCudaGenerator = new(
        Cuda,
        "_ZN2at4cuda6detail23getDefaultCUDAGeneratorEa",
        CudaRandom
    );

    /// <summary>What every libtorch has.</summary>
    internal static IReadOnlyList<MangledSymbol> All { get; } =
    [
        SetAutocastEnabled,
        IsAutocastEnabled,
        SetAutocastDtype,
        GetAutocastDtype,
        IncrementNesting,
        DecrementNesting,
        ClearAutocastCache,
        BumpVersion,
        SetStackTraceFetcher,
        StreamBufferTable,
        LocaleConstructor,
        SetStreamBuffer,
        StandardError,
    ];

    /// <summary>Looks everything up; what CUDA's library has only where that library is loaded.</summary>
    internal static void Resolve(string libTorchFolder, nint cudaLibrary)
    {
        var handles = new Dictionary<string, nint>
        {
            [Cpu] = NativeLibrary.Load(Path.Combine(libTorchFolder, Cpu)),
            [C10] = NativeLibrary.Load(Path.Combine(libTorchFolder, C10)),
            [Cxx] = NativeLibrary.Load(Cxx),
        };
        foreach (var symbol in All)
            symbol.Resolve(library => handles[library]);
        if (cudaLibrary == 0)
            return;
        CreateCudaGenerator.Resolve(_ => cudaLibrary);
        DefaultCudaGenerator.Resolve(_ => cudaLibrary);
    }
}
