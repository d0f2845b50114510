using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Tests.Service;

/// <summary>A disk that takes nothing is no fault of the request.</summary>
public sealed class DiskStatusTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Theory]
    [InlineData(28, 507)] // ENOSPC
    [InlineData(122, 507)] // EDQUOT
    [InlineData(30, 503)] // EROFS
    [InlineData(5, 503)] // EIO
    public void A_full_disk_is_told_from_other_troubles_of_it(int error, int status)
    {
        var plain = new IOException("It fails.", error);
        Assert.Equal(status, ServiceApi.StatusOf(plain));
        Assert.Equal(status, ServiceApi.StatusOf(new KdException(WeightErrors.WriteFailed, "x", null, plain)));
        Assert.Equal(400, ServiceApi.StatusOf(new KdException(ServiceErrors.Refused, "x")));
    }

    [Fact]
    public async Task What_cannot_be_stored_is_refused_with_a_code_and_leaves_nothing()
    {
        await using var service = await LocalService.Start(_kd);
        var runs = _kd.At("data/runs");
        Directory.Delete(runs, recursive: true);
        File.WriteAllText(runs, "");
        var body = $"{{\"recipe\":{LocalService.Named("good").ToJsonString()}}}";

        var answer = await service.Send("POST", "/api/runs", body);

        Assert.Equal((503, "KDP0915"), (answer.Status, answer.Code));
        Assert.Equal(0, service.Queue.List(null, null, null, 10).Total);
        File.Delete(runs);
        Directory.CreateDirectory(runs);
        Assert.Equal(201, (await service.Send("POST", "/api/runs", body)).Status);
    }
}
