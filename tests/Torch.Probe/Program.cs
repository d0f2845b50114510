// A process of its own for what cannot be tried inside a test run: libtorch can be started once per process only.
using System.Text.Json;
using KdPlugins.Torch;
using TorchSharp;

if (Environment.GetEnvironmentVariable("PROBE_PACKAGE_ROOT") is { } root)
    AppContext.SetData("KdPlugins.PackageRoot", root);
try
{
    return args switch
    {
        [] or ["start"] => Start(),
        ["torchsharp-matmul"] => TorchSharpMatmul(),
        ["warning-then-error"] => WarningThenError(),
        ["convolution-in-double"] => ConvolutionInDouble(),
        _ => throw new ArgumentException($"unknown command {string.Join(' ', args)}"),
    };
}
catch (KdException e)
{
    Console.Error.WriteLine(e.Message);
    return 3;
}

static int Start()
{
    var info = NativeRuntime.Start();
    using var scope = torch.NewDisposeScope();
    var sum = torch.arange(5, dtype: torch.float32).square().sum().item<float>();
    var mapped = File.ReadLines("/proc/self/maps")
        .Where(line => line.Contains("/lib"))
        .Select(line => line[line.IndexOf('/')..])
        .Distinct()
        .Where(path => path.Contains("torch", StringComparison.OrdinalIgnoreCase) || path.Contains("libc10"));
    Console.WriteLine(
        JsonSerializer.Serialize(
            new
            {
                info.Source,
                info.LibTorchFolder,
                info.LibTorchSharpPath,
                info.Relaxed,
                info.CudaAvailable,
                info.CudaStatus,
                info.Refusals,
                Version = torch.__version__,
                Sum = sum,
                Mapped = mapped,
            }
        )
    );
    return 0;
}

static int TorchSharpMatmul()
{
    NativeRuntime.Start();
    try
    {
        torch.ones(2, 3).matmul(torch.ones(4, 5));
    }
    catch (Exception e)
    {
        Console.WriteLine($"caught {e.Message}");
    }
    return 0;
}

// Where libtorch looks for NNPACK first.
static int ConvolutionInDouble()
{
    NativeRuntime.Start();
    using var scope = torch.NewDisposeScope();
    var (x, w) = (torch.ones(2, 3, 8, 8, dtype: torch.float64), torch.ones(4, 3, 3, 3, dtype: torch.float64));
    Console.WriteLine(torch.nn.functional.conv2d(x, w).sum().item<double>());
    return 0;
}

// libtorch warns, and then refuses, by the same stream.
static int WarningThenError()
{
    NativeRuntime.Start();
    using var scope = torch.NewDisposeScope();
    _ = (torch.ones(3, requires_grad: true) * 2).grad;
    try
    {
        TorchOps.matmul(torch.ones(2, 3), torch.ones(4, 5));
    }
    catch (KdException e)
    {
        Console.WriteLine(e.Message);
    }
    return 0;
}
